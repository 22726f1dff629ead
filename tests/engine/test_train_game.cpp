#include "engine/base/file.h"
#include "engine/data/restore.h"
#include "engine/train/picture_maker.h"
#include "engine/train/step_program.h"
#include "test_util.h"
#include "train_test_util.h"

#include <algorithm>
#include <cmath>

namespace gradloom::train_test {
namespace {

using train::SessionOptions;

project::Project smallVae()
{
    project::Project project = smallProject();
    graph::Graph& g = project.graph;
    g.nodes = {node("input", "input", {{"shape", list({16, 16, 1})}}), node("flat", "flatten"),
        node("hidden", "dense", {{"units", int64_t{24}}, {"activation", std::string("relu")}}),
        node("mean", "dense", {{"units", int64_t{3}}}), node("spread", "dense", {{"units", int64_t{3}}}),
        node("z", "sample_z"),
        node("paint", "dense", {{"units", int64_t{256}}, {"activation", std::string("sigmoid")}}),
        node("picture", "reshape", {{"shape", list({16, 16, 1})}}),
        node("loss", "binary_cross_entropy", {{"weight", 256.0}})};
    g.edges = {{"input", 0, "flat", 0}, {"flat", 0, "hidden", 0}, {"hidden", 0, "mean", 0},
        {"hidden", 0, "spread", 0}, {"mean", 0, "z", 0}, {"spread", 0, "z", 1}, {"z", 0, "paint", 0},
        {"paint", 0, "picture", 0}, {"picture", 0, "loss", 0}, {"input", 0, "loss", 1}};
    return project;
}

bool movedFrom(const train::Weights& before, const train::Weights& after, const std::string& name)
{
    const auto a = before.at(name).floats();
    const auto b = after.at(name).floats();
    return !std::equal(a.begin(), a.end(), b.begin());
}

train::Weights initialWeights(const project::Project& project)
{
    return modelOf(project.graph, project.training.seed)->weights();
}

TEST(TrainGame, BothSidesMoveAndOneSeedGivesTheSameBits)
{
    for (const char* objective : {"minimax", "non_saturating", "least_squares", "wasserstein"}) {
        const project::Project project = smallGan(objective);
        train::Weights weights[2];
        for (auto& kept : weights) {
            const test::TempFolder folder;
            SessionOptions options;
            options.outDir = folder.path();
            options.maxSteps = 5;
            const auto result = trained(project, options);
            ASSERT_EQ(result.state, train::State::Finished) << result.error->message;
            kept = weightsIn(folder.path() / "weights.safetensors");
        }
        EXPECT_TRUE(sameBits(weights[0], weights[1])) << objective;
        const auto before = initialWeights(project);
        EXPECT_TRUE(movedFrom(before, weights[0], "paint.weight")) << objective;
        EXPECT_TRUE(movedFrom(before, weights[0], "conv.weight")) << objective;
    }
}

TEST(TrainGame, StepsOfTheGeneratorComeAfterSoManyOfTheDiscriminator)
{
    const project::Project project = smallGan("wasserstein", 5);
    SessionOptions options;
    options.publish = false;
    options.maxSteps = 7;
    train::TrainSession session(project, options);
    session.wait();
    std::vector<train::StepMetrics> steps;
    session.pollSteps(steps);
    ASSERT_EQ(steps.size(), 7U);
    for (size_t i = 1; i < steps.size(); ++i) {
        const bool moved = steps[i].generatorLoss != steps[i - 1].generatorLoss;
        EXPECT_EQ(moved, i % 5 == 0) << "step " << i;
    }
}

TEST(TrainGame, ResumedRunHasTheSameBits)
{
    const project::Project project = smallGan("wasserstein", 2);
    const test::TempFolder whole, half;
    SessionOptions options;
    options.outDir = whole.path();
    options.maxSteps = 9;
    trained(project, options);
    options.outDir = half.path();
    options.maxSteps = 4;
    trained(project, options);
    options.resumeDir = half.path();
    options.maxSteps = 9;
    const auto result = trained(project, options);
    ASSERT_EQ(result.state, train::State::Finished) << result.error->message;
    EXPECT_TRUE(sameBits(
        weightsIn(whole.path() / "weights.safetensors"), weightsIn(half.path() / "weights.safetensors")));
}

TEST(TrainGame, WhatDoesNotGoTogetherIsSaid)
{
    project::Project project = smallGan("minimax");
    project.training.options.set("accumulate", int64_t{2});
    auto result = trained(project, {});
    ASSERT_TRUE(result.error);
    EXPECT_NE(result.error->message.find("GAN"), std::string::npos) << result.error->message;

    project = smallGan("wasserstein");
    for (graph::Node& each : project.graph.nodes)
        if (each.id == "leaky")
            each.type = "batch_norm";
    result = trained(project, {});
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->node, "leaky");
    EXPECT_NE(result.error->message.find("twice"), std::string::npos) << result.error->message;
}

TEST(TrainGame, SnapshotsShowWhatTheGeneratorPaints)
{
    SessionOptions options;
    options.maxSteps = 3;
    train::TrainSession session(smallGan("least_squares"), options);
    session.wait();
    const auto snapshot = session.pollSnapshot();
    ASSERT_TRUE(snapshot);
    ASSERT_FALSE(snapshot->made.empty());
    EXPECT_EQ(snapshot->made.shape().withoutFirst(), (Shape{16, 16, 1}));
    EXPECT_EQ(snapshot->made.dtype(), DType::U8);
    EXPECT_TRUE(snapshot->originals.empty());
}

TEST(TrainGame, VariationalAutoencoderLearnsAndMakesNewPictures)
{
    project::Project project = smallVae();
    project.training.epochs = 6;
    SessionOptions options;
    train::TrainSession session(project, options);
    const auto result = session.wait();
    ASSERT_EQ(result.state, train::State::Finished) << result.error->message;
    EXPECT_LT(result.epochs.back().validationLoss, result.epochs.front().validationLoss);
    const auto snapshot = session.pollSnapshot();
    ASSERT_TRUE(snapshot);
    EXPECT_TRUE(snapshot->originals.empty()) << "a variational autoencoder shows new pictures";

    auto model = modelOf(project.graph);
    const Tensor made = train::generate(*model, 5, 3).value();
    EXPECT_EQ(made.shape(), (Shape{5, 16, 16, 1}));
    const Tensor again = train::generate(*model, 5, 3).value();
    EXPECT_TRUE(std::equal(made.floats().begin(), made.floats().end(), again.floats().begin()));
    const Tensor other = train::generate(*model, 5, 4).value();
    EXPECT_FALSE(std::equal(made.floats().begin(), made.floats().end(), other.floats().begin()));
}

TEST(TrainGame, PlainAutoencoderShowsTestPicturesBesideItsOwn)
{
    project::Project project = smallProject();
    project.graph = chain({node("input", "input", {{"shape", list({16, 16, 1})}}), node("flat", "flatten"),
        node("code", "dense", {{"units", int64_t{8}}}),
        node("paint", "dense", {{"units", int64_t{256}}, {"activation", std::string("sigmoid")}}),
        node("picture", "reshape", {{"shape", list({16, 16, 1})}}), node("loss", "mse")});
    project.graph.edges.push_back({"input", 0, "loss", 1});
    SessionOptions options;
    options.maxSteps = 2;
    train::TrainSession session(project, options);
    ASSERT_EQ(session.wait().state, train::State::Finished);
    const auto snapshot = session.pollSnapshot();
    ASSERT_TRUE(snapshot);
    ASSERT_FALSE(snapshot->made.empty());
    EXPECT_EQ(snapshot->originals.shape(), snapshot->made.shape());
    auto model = modelOf(project.graph);
    const auto refused = train::generate(*model, 1, 1);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("makes no new samples"), std::string::npos);
}

TEST(RestorePictures, UndoesPreprocessing)
{
    data::Preprocess preprocess;
    preprocess.scale = 1.0F / 255;
    preprocess.mean = {0.5F};
    preprocess.deviation = {0.5F};
    Tensor stored(Shape{1, 2, 2, 1}, DType::U8);
    const uint8_t values[] = {0, 17, 128, 255};
    std::copy(std::begin(values), std::end(values), stored.as<uint8_t>().begin());
    Tensor seen(stored.shape());
    data::applyPreprocess(preprocess, stored, seen.floats());
    EXPECT_FLOAT_EQ(seen.floats()[0], -1);
    EXPECT_FLOAT_EQ(seen.floats()[3], 1);
    const Tensor restored = data::restorePictures(preprocess, 255, seen);
    EXPECT_TRUE(std::equal(std::begin(values), std::end(values), std::as_const(restored).as<uint8_t>().begin()));
    seen.floats()[0] = NAN;
    seen.floats()[1] = 7;
    const Tensor cut = data::restorePictures(preprocess, 255, seen);
    EXPECT_EQ(std::as_const(cut).as<uint8_t>()[0], 0);
    EXPECT_EQ(std::as_const(cut).as<uint8_t>()[1], 255);
}

TEST(PictureGrid, LaysPicturesOutWithOnePixelBetween)
{
    Tensor pictures(Shape{3, 2, 2, 1}, DType::U8);
    for (size_t i = 0; i < 12; ++i)
        pictures.as<uint8_t>()[i] = static_cast<uint8_t>(i + 1);
    const Tensor grid = data::pictureGrid(pictures, 2, 99);
    EXPECT_EQ(grid.shape(), (Shape{5, 5, 1}));
    const auto at = [&](int64_t y, int64_t x) { return std::as_const(grid).as<uint8_t>()[static_cast<size_t>(y * 5 + x)]; };
    EXPECT_EQ(at(0, 0), 1);
    EXPECT_EQ(at(0, 2), 99);
    EXPECT_EQ(at(1, 4), 8);
    EXPECT_EQ(at(3, 0), 9);
    EXPECT_EQ(at(4, 4), 99);
}

} // namespace
} // namespace gradloom::train_test
