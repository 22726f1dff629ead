#pragma once

#include "engine/project/project.h"
#include "engine/project/safetensors.h"
#include "engine/train/model.h"
#include "engine/train/run_data.h"
#include "engine/train/train_session.h"
#include "tests/engine/graph_test_util.h"

#include <gtest/gtest.h>

#include <cstring>

/// Small projects that train in well under a second.
namespace gradloom::train_test {

using test::chain;
using test::node;

inline graph::Graph smallCnn()
{
    const std::string relu = "relu";
    return chain({node("input", "input", {{"shape", std::vector<int64_t>{16, 16, 1}}}),
        node("conv", "conv2d", {{"filters", int64_t{4}}, {"activation", relu}}), node("pool", "max_pool2d"),
        node("conv_b", "conv2d", {{"filters", int64_t{6}}, {"activation", relu}}), node("flat", "flatten"),
        node("drop", "dropout", {{"rate", 0.2}}),
        node("hidden", "dense", {{"units", int64_t{12}}, {"activation", relu}}),
        node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")});
}

inline project::Project smallProject()
{
    project::Project project;
    project.name = "small";
    project.data.source = {
        "shapes", {{"training", int64_t{230}}, {"test", int64_t{60}}, {"size", int64_t{16}}}};
    project.graph = smallCnn();
    project.training.optimizer = {"adam", {{"learning_rate", 0.003}}};
    project.training.schedule = {"cosine", {}};
    project.training.batch = 32;
    project.training.epochs = 2;
    project.training.seed = 7;
    project.training.validationShare = 0.1;
    return project;
}

inline std::vector<int64_t> list(std::initializer_list<int64_t> values)
{
    return values;
}

/// Noise 6 → Dense → 16×16×1 against a small discriminator, on generated shapes.
inline project::Project smallGan(const std::string& objective, int64_t discriminatorSteps = 1)
{
    project::Project project = smallProject();
    project.data.preprocess = "centre";
    project.training.schedule = {"constant", {}};
    project.training.generatorOptimizer = project::Choice{"sgd", {{"learning_rate", 0.05}, {"momentum", 0.5}}};
    graph::Graph& g = project.graph;
    g.nodes = {node("noise", "noise", {{"shape", list({6})}}),
        node("paint", "dense", {{"units", int64_t{256}}, {"activation", std::string("tanh")}}),
        node("picture", "reshape", {{"shape", list({16, 16, 1})}}),
        node("input", "input", {{"shape", list({16, 16, 1})}}), node("meet", "real_or_fake"),
        node("conv", "conv2d", {{"filters", int64_t{4}}, {"stride", list({2, 2})}}), node("leaky", "leaky_relu"),
        node("flat", "flatten"), node("score", "dense", {{"units", int64_t{1}}}),
        node("game", "gan_objective",
            {{"objective", objective}, {"discriminator_steps", discriminatorSteps}})};
    g.edges = {{"noise", 0, "paint", 0}, {"paint", 0, "picture", 0}, {"picture", 0, "meet", 1},
        {"input", 0, "meet", 0}, {"meet", 0, "conv", 0}, {"conv", 0, "leaky", 0}, {"leaky", 0, "flat", 0},
        {"flat", 0, "score", 0}, {"score", 0, "game", 0}};
    return project;
}

inline std::shared_ptr<const train::RunData> dataOf(const project::Project& project)
{
    auto data = train::loadRunData(project, {});
    EXPECT_TRUE(data.ok()) << (data.ok() ? "" : data.error().message);
    return std::make_shared<const train::RunData>(std::move(*data));
}

/// A run that writes to `folder` and shows nothing.
inline train::SessionOptions writingTo(
    const std::filesystem::path& folder, const std::shared_ptr<const train::RunData>& data)
{
    train::SessionOptions options;
    options.outDir = folder;
    options.data = data;
    options.publish = false;
    return options;
}

inline train::SessionResult trained(const project::Project& project, train::SessionOptions options)
{
    options.threads = 2;
    train::TrainSession session(project, std::move(options));
    return session.wait();
}

/// The same with a learning rate that no project may have, from the first step on.
inline train::SessionResult trainedAtRate(
    double rate, const project::Project& project, train::SessionOptions options)
{
    options.threads = 2;
    options.startPaused = true;
    train::TrainSession session(project, std::move(options));
    session.setLearningRate(rate);
    session.resume();
    return session.wait();
}

inline train::Weights weightsIn(const std::filesystem::path& file)
{
    auto loaded = project::loadSafetensors(file);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
    return loaded.ok() ? loaded->tensors : train::Weights();
}

inline bool sameBits(const train::Weights& a, const train::Weights& b)
{
    if (a.size() != b.size() || a.empty())
        return false;
    for (const auto& [name, tensor] : a) {
        const auto other = b.find(name);
        if (other == b.end() || other->second.type() != tensor.type() ||
            std::memcmp(other->second.data(), tensor.data(), static_cast<size_t>(tensor.bytes())) != 0)
            return false;
    }
    return true;
}

inline std::shared_ptr<backend::Backend> cpu(int threads = 2)
{
    auto device = backend::open("cpu", {threads});
    EXPECT_TRUE(device.ok());
    return std::shared_ptr<backend::Backend>(std::move(*device));
}

inline std::unique_ptr<train::Model> modelOf(const graph::Graph& graph, uint64_t seed = 7)
{
    auto model = train::Model::create(graph, {}, cpu(), seed);
    EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message);
    return model.ok() ? std::move(*model) : nullptr;
}

} // namespace gradloom::train_test
