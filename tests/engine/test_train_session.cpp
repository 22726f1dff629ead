#include "engine/base/file.h"
#include "engine/train/checkpoint.h"
#include "engine/train/evaluate.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

using namespace gradloom;
using namespace gradloom::train;

namespace {

using std::filesystem::path;

void waitFor(TrainSession& session, State state)
{
    for (int i = 0; i < 6000 && session.state() != state && !session.result(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_EQ(static_cast<int>(session.state()), static_cast<int>(state));
}

void waitForStep(TrainSession& session, int64_t step)
{
    std::vector<StepMetrics> steps;
    for (int i = 0; i < 6000 && (steps.empty() || steps.back().step < step) && !session.result(); ++i) {
        session.pollSteps(steps);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_FALSE(steps.empty());
    ASSERT_GE(steps.back().step, step);
}

/// history.csv without its last column: how long it took is not repeatable.
std::string historyOf(const path& folder)
{
    auto text = readFile(folder / historyFile, 1 << 20);
    EXPECT_TRUE(text.ok());
    std::string kept;
    size_t begin = 0;
    while (text.ok() && begin < text->size()) {
        const size_t end = text->find('\n', begin);
        const std::string line = text->substr(begin, end - begin);
        kept += line.substr(0, line.rfind(',')) + "\n";
        begin = end + 1;
    }
    return kept;
}

nlohmann::json runOf(const path& folder)
{
    auto text = readFile(folder / runFile, 1 << 20);
    EXPECT_TRUE(text.ok());
    return nlohmann::json::parse(text.ok() ? *text : "{}");
}

} // namespace

TEST(TrainSession, TrainsAndWritesItsFiles)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    const SessionResult result = train_test::trained(project, train_test::writingTo(folder / "run", data));
    ASSERT_FALSE(result.error) << result.error->message;
    EXPECT_EQ(result.state, State::Finished);
    EXPECT_EQ(result.steps, 14); // 207 samples in batches of 32, twice
    ASSERT_EQ(result.epochs.size(), 2u);
    EXPECT_LT(result.epochs[1].trainLoss, result.epochs[0].trainLoss);
    EXPECT_TRUE(result.epochs[0].best);
    const auto run = runOf(folder / "run");
    EXPECT_EQ(run["state"], "finished");
    EXPECT_EQ(run["seed"], 7);
    EXPECT_EQ(run["epochs"].size(), 2u);
    EXPECT_EQ(run["configuration"]["name"], "small");
    EXPECT_GT(run["samples_per_second"].get<double>(), 0);

    // The numbers of the last epoch are those of its weights.
    auto model = train_test::modelOf(project.graph);
    ASSERT_TRUE(model->loadWeights(folder / "run/weights.safetensors").ok());
    auto evaluation = evaluate(*model, data->split.validation, data->preprocess, data->classes());
    ASSERT_TRUE(evaluation.ok());
    EXPECT_NEAR(evaluation->loss, result.epochs[1].validationLoss, 1e-5);
    EXPECT_NEAR(evaluation->accuracy, result.epochs[1].validationAccuracy, 1e-6);
    EXPECT_FALSE(train_test::weightsIn(folder / "run/best.safetensors").empty());
    const std::string history = historyOf(folder / "run");
    EXPECT_EQ(std::count(history.begin(), history.end(), '\n'), 15); // a heading and a line for every step
}

TEST(TrainSession, OneSeedGivesTheSameBits)
{
    auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    train_test::trained(project, train_test::writingTo(folder / "a", data));
    auto published = train_test::writingTo(folder / "b", data);
    published.publish = true; // looking at it must not change it
    train_test::trained(project, published);
    EXPECT_TRUE(train_test::sameBits(train_test::weightsIn(folder / "a/weights.safetensors"),
        train_test::weightsIn(folder / "b/weights.safetensors")));
    EXPECT_EQ(historyOf(folder / "a"), historyOf(folder / "b"));
    project.training.seed = 8;
    train_test::trained(project, train_test::writingTo(folder / "c", train_test::dataOf(project)));
    EXPECT_FALSE(train_test::sameBits(train_test::weightsIn(folder / "a/weights.safetensors"),
        train_test::weightsIn(folder / "c/weights.safetensors")));
}

TEST(TrainSession, GoingOnGivesTheBitsOfARunWithoutABreak)
{
    for (const int64_t interruptedAt : {5, 7, 10}) { // within the first epoch, at its end, within the second
        const auto project = train_test::smallProject();
        const auto data = train_test::dataOf(project);
        const test::TempFolder folder;
        const auto whole = train_test::trained(project, train_test::writingTo(folder / "whole", data));
        auto first = train_test::writingTo(folder / "part", data);
        first.maxSteps = interruptedAt;
        const auto broken = train_test::trained(project, first);
        EXPECT_EQ(broken.steps, interruptedAt);
        auto second = train_test::writingTo(folder / "rest", data);
        second.resumeDir = folder / "part";
        const auto rest = train_test::trained(project, second);
        ASSERT_FALSE(rest.error) << rest.error->message;
        EXPECT_EQ(rest.steps, whole.steps);
        EXPECT_TRUE(train_test::sameBits(train_test::weightsIn(folder / "whole/weights.safetensors"),
            train_test::weightsIn(folder / "rest/weights.safetensors")));
        EXPECT_TRUE(train_test::sameBits(train_test::weightsIn(folder / "whole/best.safetensors"),
            train_test::weightsIn(folder / "rest/best.safetensors")));
        EXPECT_EQ(historyOf(folder / "whole"), historyOf(folder / "rest"));
        ASSERT_EQ(rest.epochs.size(), whole.epochs.size());
        for (size_t i = 0; i < whole.epochs.size(); ++i) {
            EXPECT_EQ(rest.epochs[i].trainLoss, whole.epochs[i].trainLoss);
            EXPECT_EQ(rest.epochs[i].validationLoss, whole.epochs[i].validationLoss);
        }
    }
}

TEST(TrainSession, PauseStepResume)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    train_test::trained(project, train_test::writingTo(folder / "whole", data));

    auto options = train_test::writingTo(folder / "run", data);
    options.startPaused = true;
    options.threads = 2;
    {
        TrainSession session(project, options);
        waitFor(session, State::Paused);
        EXPECT_EQ(session.totalSteps(), 14);
        EXPECT_EQ(session.stepsPerEpoch(), 7);
        session.step();
        waitForStep(session, 1);
        waitFor(session, State::Paused);
        session.step();
        session.step();
        waitForStep(session, 3);
        waitFor(session, State::Paused);
        std::vector<StepMetrics> more;
        session.pollSteps(more);
        EXPECT_TRUE(more.empty());
        EXPECT_TRUE(session.latestWeights());
        session.stop();
        const SessionResult result = session.wait();
        EXPECT_EQ(result.state, State::Stopped);
        EXPECT_EQ(result.steps, 3);
    }
    EXPECT_EQ(runOf(folder / "run")["state"], "stopped");
    options.startPaused = false;
    options.resumeDir = folder / "run"; // into the same folder
    const auto rest = train_test::trained(project, options);
    ASSERT_FALSE(rest.error) << rest.error->message;
    EXPECT_TRUE(train_test::sameBits(train_test::weightsIn(folder / "whole/weights.safetensors"),
        train_test::weightsIn(folder / "run/weights.safetensors")));
    EXPECT_EQ(historyOf(folder / "whole"), historyOf(folder / "run"));
}

TEST(TrainSession, StopsWhileRunningAndOnDestruction)
{
    auto project = train_test::smallProject();
    project.training.epochs = 100000;
    const auto data = train_test::dataOf(project);
    SessionOptions options;
    options.data = data;
    {
        TrainSession session(project, options);
        waitForStep(session, 3);
        session.stop();
        session.stop();
        const SessionResult result = session.wait();
        EXPECT_EQ(result.state, State::Stopped);
        EXPECT_GE(result.steps, 3);
        EXPECT_EQ(session.result()->steps, result.steps);
    }
    TrainSession session(project, options); // its destructor stops it
    waitForStep(session, 2);
}

TEST(TrainSession, PublishesActivationsAndHealth)
{
    auto project = train_test::smallProject();
    SessionOptions options;
    options.data = train_test::dataOf(project);
    options.startPaused = true;
    TrainSession session(project, options);
    waitFor(session, State::Paused);
    auto before = session.pollSnapshot();
    ASSERT_TRUE(before);
    EXPECT_EQ(before->step, 0);
    session.step();
    waitForStep(session, 1);
    waitFor(session, State::Paused);
    auto snapshot = session.pollSnapshot();
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->step, 1);
    EXPECT_FALSE(session.pollSnapshot());
    bool conv = false;
    for (const auto& activation : snapshot->activations)
        if (activation.node == "conv") {
            conv = true;
            EXPECT_EQ(activation.values.shape(), (Shape{14, 14, 4}));
        }
    EXPECT_TRUE(conv);
    ASSERT_EQ(snapshot->layers.size(), 4u);
    for (const auto& layer : snapshot->layers) {
        EXPECT_GT(layer.gradientNorm, 0) << layer.node;
        EXPECT_GT(layer.weightNorm, 0) << layer.node;
        float total = 0;
        for (const float bin : layer.histogram)
            total += bin;
        EXPECT_GT(total, 0);
        EXPECT_LT(layer.low, layer.high);
    }
}

TEST(TrainSession, TheLearningRateCanBeSet)
{
    auto project = train_test::smallProject();
    SessionOptions options;
    options.data = train_test::dataOf(project);
    options.publish = false;
    options.startPaused = true;
    TrainSession session(project, options);
    waitFor(session, State::Paused);
    EXPECT_DOUBLE_EQ(session.currentLearningRate(), 0.003);
    session.setLearningRate(0.5);
    session.step();
    std::vector<StepMetrics> steps;
    for (int i = 0; i < 6000 && steps.empty(); ++i) {
        session.pollSteps(steps);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_FLOAT_EQ(steps[0].learningRate, 0.5f);
}

TEST(TrainSession, ALossThatIsNoNumberNamesTheNodeAndKeepsTheCheckpoint)
{
    auto project = train_test::smallProject();
    project.training.optimizer = {"sgd", {{"learning_rate", 0.01}}};
    project.training.schedule = {"constant", {}};
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    auto options = train_test::writingTo(folder / "run", data);
    options.maxSteps = 4;
    train_test::trained(project, options);
    const Weights good = train_test::weightsIn(folder / "run/weights.safetensors");

    options.maxSteps.reset();
    options.resumeDir = folder / "run";
    options.startPaused = true;
    TrainSession session(project, options);
    waitFor(session, State::Paused);
    session.setLearningRate(1e30);
    session.resume();
    const SessionResult result = session.wait();
    EXPECT_EQ(result.state, State::Failed);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->code, ErrorCode::Numerical);
    ASSERT_TRUE(project.graph.find(result.error->node)) << result.error->message;
    EXPECT_NE(result.error->message.find(result.error->node), std::string::npos)
        << result.error->message;
    EXPECT_TRUE(train_test::sameBits(train_test::weightsIn(folder / "run/weights.safetensors"), good));
    const auto run = runOf(folder / "run");
    EXPECT_EQ(run["state"], "failed");
    EXPECT_EQ(run["error"]["node"], result.error->node);
}

TEST(TrainSession, TheNodeToBlameIsTheFirstOne)
{
    // A value in the middle of the data that is no number: no weight is to blame, the input is.
    auto project = train_test::smallProject();
    const auto clean = train_test::dataOf(project);
    auto spoilt = std::make_shared<RunData>(*clean);
    auto dataset = std::make_shared<data::Dataset>();
    const auto& bytes = clean->loaded.training->samples;
    dataset->samples = Tensor(bytes.shape());
    for (size_t i = 0; i < dataset->samples.floats().size(); ++i)
        dataset->samples.floats()[i] = bytes.as<uint8_t>()[i];
    dataset->targets = clean->loaded.training->targets;
    const auto victim = static_cast<size_t>(clean->split.training.indices[100]);
    dataset->samples.floats()[victim * 256 + 17] = std::numeric_limits<float>::quiet_NaN();
    spoilt->loaded.training = dataset;
    spoilt->split.training.dataset = dataset;
    spoilt->split.validation.dataset = dataset;
    SessionOptions options;
    options.data = spoilt;
    options.publish = false;
    const SessionResult result = train_test::trained(project, options);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->node, "input") << result.error->message;
    EXPECT_LT(result.steps, 8);
}

TEST(TrainSession, WhatAUserGetsWrongBecomesOneError)
{
    const auto good = train_test::smallProject();
    const auto data = train_test::dataOf(good);
    const auto failure = [&](project::Project project, SessionOptions options) {
        options.publish = false;
        const SessionResult result = train_test::trained(std::move(project), std::move(options));
        EXPECT_EQ(result.state, State::Failed);
        EXPECT_TRUE(result.error && !result.error->message.empty());
        return result.error.value_or(Error());
    };
    auto project = good;
    project.training.optimizer.type = "magic";
    EXPECT_NE(failure(project, {}).message.find("adam"), std::string::npos);
    project = good;
    project.data.source = {"idx", {{"folder", std::string("/nowhere/at/all")}}};
    EXPECT_NE(failure(project, {}).message.find("/nowhere/at/all"), std::string::npos);
    project = good;
    project.graph.find("input")->params.set("shape", std::vector<int64_t>{20, 20, 1});
    EXPECT_EQ(failure(project, {}).node, "input");
    project = good;
    project.graph.find("scores")->params.set("units", int64_t{4});
    EXPECT_EQ(failure(project, {}).node, "loss");
    project = good;
    project.graph.nodes.pop_back();
    project.graph.edges.pop_back();
    failure(project, {});
    project = good;
    project.data.preprocess = "polish";
    failure(project, {});
    SessionOptions options;
    options.device = "abacus";
    failure(good, options);
    const test::TempFolder folder;
    ASSERT_TRUE(writeFileAtomically(folder / "file", "x").ok());
    options = train_test::writingTo(folder / "file/run", data); // a folder cannot be made in a file
    EXPECT_NE(failure(good, options).message.find("file"), std::string::npos);
}

TEST(TrainSession, ResumingAnotherRunIsRefused)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    auto options = train_test::writingTo(folder / "run", data);
    options.maxSteps = 2;
    train_test::trained(project, options);
    const auto refused = [&](const project::Project& changed, const path& from) {
        SessionOptions resume = train_test::writingTo(folder / "other", nullptr);
        resume.resumeDir = from;
        const SessionResult result = train_test::trained(changed, resume);
        EXPECT_EQ(result.state, State::Failed);
        EXPECT_FALSE(std::filesystem::exists(folder / "other"));
        return result.error ? result.error->message : std::string();
    };
    auto changed = project;
    changed.training.batch = 16;
    EXPECT_NE(refused(changed, folder / "run").find("batch"), std::string::npos);
    changed = project;
    changed.training.seed = 99;
    EXPECT_NE(refused(changed, folder / "run").find("seed"), std::string::npos);
    changed = project;
    changed.training.optimizer = {"sgd", {}};
    EXPECT_NE(refused(changed, folder / "run").find("optimizer"), std::string::npos);
    changed = project;
    changed.graph.find("hidden")->params.set("units", int64_t{13});
    EXPECT_NE(refused(changed, folder / "run").find("hidden"), std::string::npos);
    EXPECT_NE(refused(project, folder / "nothing").find("nothing"), std::string::npos);
    ASSERT_TRUE(writeFileAtomically(folder / "run" / stateFile, "garbage").ok());
    EXPECT_NE(refused(project, folder / "run").find(stateFile), std::string::npos);
}
