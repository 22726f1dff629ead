#include "engine/backend/communicator.h"
#include "engine/train/checkpoint.h"
#include "engine/train/methods.h"
#include "engine/train/rate_search.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"
#include "tests/fake_cuda/fake_cuda.h"

#include <algorithm>
#include <cmath>
#include <tuple>

/// Training and checking on a device that runs ahead and has memory of its own: pretended GPUs, which compute
/// as the CPU does, so that everything must come out as there, to the bit.
namespace gradloom {
namespace {

using namespace train;

class TrainDevice : public testing::Test
{
protected:
    void SetUp() override { environment.useModule(FAKE_CUDA); }

    /// Trains the project on a device and returns its weights and the losses of all steps.
    std::pair<Weights, std::vector<float>> outcome(
        const project::Project& project, const std::string& device, std::vector<std::string> devices = {})
    {
        const test::TempFolder folder;
        SessionOptions options = train_test::writingTo(folder.path(), train_test::dataOf(project));
        options.device = device;
        options.devices = std::move(devices);
        options.threads = 2;
        TrainSession session(project, options);
        const SessionResult result = session.wait();
        EXPECT_FALSE(result.error) << result.error->message;
        std::vector<StepMetrics> steps;
        session.pollSteps(steps);
        std::vector<float> losses;
        for (const StepMetrics& step : steps) {
            EXPECT_EQ(step.step, static_cast<int64_t>(losses.size()) + 1);
            losses.push_back(step.loss);
            if (!std::isnan(step.generatorLoss))
                losses.back() += step.generatorLoss;
        }
        EXPECT_EQ(result.steps, static_cast<int64_t>(losses.size()));
        return {weightsIn(folder.path()), losses};
    }

    void expectSame(const project::Project& project)
    {
        const auto cpu = outcome(project, "cpu");
        const auto gpu = outcome(project, "cuda:0");
        EXPECT_TRUE(train_test::sameBits(cpu.first, gpu.first));
        EXPECT_EQ(cpu.second, gpu.second);
        EXPECT_GT(cpu.second.size(), 5u);
    }

    static Weights weightsIn(const std::filesystem::path& folder)
    {
        return train_test::weightsIn(folder / lastWeightsFile);
    }

    test::Environment environment;
};

} // namespace

TEST_F(TrainDevice, ADeviceThatRunsAheadLearnsTheSame)
{
    expectSame(train_test::smallProject());
}

TEST_F(TrainDevice, ADeviceThatRunsAheadGathersTheSameGradients)
{
    auto project = train_test::smallProject();
    project.training.options.set("accumulate", int64_t{3});
    project.training.options.set("ema_decay", 0.9);
    expectSame(project);
}

TEST_F(TrainDevice, ADeviceThatRunsAheadPlaysTheSameGame)
{
    expectSame(train_test::smallGan("non_saturating"));
    expectSame(train_test::smallGan("wasserstein", 3));
}

/// Every augmentation at once.
Params muchAugmentation()
{
    return {{"flip", std::string("both")}, {"shift", 0.1}, {"rotate", 15.0}, {"zoom", 0.1},
        {"brightness", 0.1}, {"noise", 0.05}, {"cutout", 0.3}, {"mixup", 0.3}};
}

TEST_F(TrainDevice, AStepThatAugmentsLearnsTheSameAsFromTheLoader)
{
    auto project = train_test::smallProject();
    for (const Params& augment : {muchAugmentation(), Params{{"flip", std::string("horizontal")}}}) {
        project.data.augment = augment;
        expectSame(project);
    }
    const auto data = train_test::dataOf(project);
    EXPECT_EQ(data->viewsOn(*backend::open("cpu").value()), 0);
    EXPECT_EQ(data->viewsOn(*backend::open("cuda").value()), 1);
    project.data.augment.set("mixup", 0.2);
    EXPECT_EQ(train_test::dataOf(project)->viewsOn(*backend::open("cuda").value()), 2);
    project.training.options.set("accumulate", int64_t{3});
    expectSame(project);
    auto game = train_test::smallGan("minimax");
    game.data.augment = muchAugmentation();
    expectSame(game);
}

TEST_F(TrainDevice, SeveralDevicesAugmentTheirShares)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    auto project = train_test::smallProject();
    project.data.augment = muchAugmentation();
    project.training.optimizer = {"sgd", {{"learning_rate", 0.05}}};
    project.graph.find("drop")->params.set("rate", 0.0);
    const auto one = outcome(project, "cpu");
    const auto two = outcome(project, "", {"cuda:0", "cuda:1"});
    ASSERT_EQ(two.second.size(), one.second.size());
    for (size_t i = 0; i < one.second.size(); ++i)
        EXPECT_NEAR(two.second[i], one.second[i], 2e-4) << "step " << i;
}

TEST_F(TrainDevice, ASearchForTheRateFindsTheSameWhereverPicturesAreChanged)
{
    auto project = train_test::smallProject();
    project.data.augment = muchAugmentation();
    const auto data = train_test::dataOf(project);
    std::vector<double> losses[2];
    for (int i = 0; i < 2; ++i) {
        RateSearchOptions options;
        options.steps = 12;
        options.device = i == 0 ? "cpu" : "cuda:0";
        const RateSearch search = searchLearningRate(project, *data, options).value();
        for (const auto& point : search.points)
            losses[i].push_back(point.loss);
    }
    EXPECT_EQ(losses[0], losses[1]);
    EXPECT_GT(losses[0].size(), 5u);
}

TEST_F(TrainDevice, CommandsMeetNoStepInFlight)
{
    auto project = train_test::smallProject();
    project.training.epochs = 1000;
    SessionOptions options;
    options.device = "cuda:0";
    options.startPaused = true;
    options.data = train_test::dataOf(project);
    TrainSession session(project, options);
    std::vector<StepMetrics> steps;
    const auto wait = [&](size_t count) {
        for (int i = 0; i < 4000 && (steps.size() < count || session.state() != State::Paused); ++i) {
            session.pollSteps(steps);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        session.pollSteps(steps);
    };
    session.step();
    session.step();
    session.step();
    wait(3);
    ASSERT_EQ(steps.size(), 3u) << "a paused run has told about every step it began";
    const auto snapshot = session.pollSnapshot();
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->step, 3);
    session.setLearningRate(0.5);
    session.step();
    wait(4);
    ASSERT_EQ(steps.size(), 4u);
    EXPECT_GT(steps[3].learningRate, 0.4F);
    EXPECT_LT(steps[2].learningRate, 0.01F);
    session.stop();
    EXPECT_EQ(session.wait().steps, 4);
}

TEST_F(TrainDevice, ALossThatIsNoNumberNamesTheNode)
{
    auto project = train_test::smallProject();
    project.training.optimizer = {"sgd", {}};
    project.data.augment = muchAugmentation();
    SessionOptions options;
    options.data = train_test::dataOf(project);
    options.publish = false;
    const SessionResult cpu = train_test::trainedAtRate(1e30, project, options);
    options.device = "cuda";
    const SessionResult gpu = train_test::trainedAtRate(1e30, project, options);
    ASSERT_TRUE(cpu.error && gpu.error);
    EXPECT_EQ(gpu.error->code, ErrorCode::Numerical);
    EXPECT_FALSE(gpu.error->node.empty());
    EXPECT_EQ(gpu.error->message, cpu.error->message);
    EXPECT_EQ(gpu.error->node, cpu.error->node);
    EXPECT_EQ(gpu.steps, cpu.steps);
}

TEST_F(TrainDevice, ALostDeviceEndsTheRunWithASentence)
{
    environment.set("GRADLOOM_FAKE_LOST", "5");
    auto project = train_test::smallProject();
    SessionOptions options;
    options.data = train_test::dataOf(project);
    options.device = "cuda:0";
    const SessionResult result = train_test::trained(project, options);
    EXPECT_EQ(result.state, State::Failed);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->message, "The pretended GPU fell off the bus. Restart the machine.");
}

/// Validation, the best weights and the checkpoint are taken with the average of the weights in their place, which is
/// exchanged back whatever happens meanwhile.
TEST_F(TrainDevice, ADeviceLostWhileTheAverageIsUsedEndsTheRunWithASentence)
{
    auto project = train_test::smallProject();
    project.training.epochs = 1;
    project.training.options.set("ema_decay", 0.9);
    const test::TempFolder folder;
    const auto data = train_test::dataOf(project);
    int lost = 0;
    for (;; ++lost) {
        environment.set("GRADLOOM_FAKE_LOST_DOWNLOAD", std::to_string(lost + 1));
        SessionOptions options = train_test::writingTo(folder / std::to_string(lost), data);
        options.device = "cuda:0";
        const SessionResult result = train_test::trained(project, options);
        if (!result.error) // it downloads less often than that
            break;
        EXPECT_EQ(result.state, State::Failed);
        EXPECT_EQ(result.error->message, "The pretended GPU fell off the bus. Restart the machine.");
    }
    EXPECT_GE(lost, 9) << "validation exchanges twice, the best weights are downloaded between two exchanges";
}

TEST(TrainDeviceOptions, SayHowAGpuComputes)
{
    const auto options = [](Params given) { return readTrainingOptions(given).value().device(3); };
    EXPECT_EQ(options({}).precision, backend::Precision::Tf32);
    EXPECT_FALSE(options({}).deterministic);
    EXPECT_EQ(options({}).threads, 3);
    EXPECT_EQ(options({{"precision", std::string("float32")}}).precision, backend::Precision::Float32);
    EXPECT_EQ(options({{"precision", std::string("bf16")}}).precision, backend::Precision::Bf16);
    EXPECT_TRUE(options({{"deterministic", true}}).deterministic);
    EXPECT_FALSE(readTrainingOptions({{"precision", std::string("fp8")}}));
}

TEST_F(TrainDevice, SeveralDevicesLearnWhatOneLearns)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    // Plain gradient descent, nothing random: one device with the whole batch and two with halves compute the
    // same sums in another order. 207 samples: the last batch is filled up, and one device gets filling only.
    auto project = train_test::smallProject();
    project.training.optimizer = {"sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}};
    project.graph.find("drop")->params.set("rate", 0.0);
    for (const int64_t accumulate : {1, 3})
        for (const std::string clip : {"clip_norm", "ema_decay"}) {
            project.training.options = {{"accumulate", accumulate}, {clip, 0.5}};
            const auto one = outcome(project, "cpu");
            for (const std::vector<std::string>& devices :
                {std::vector<std::string>{"cuda:0"}, std::vector<std::string>{"cuda:0", "cuda:1"}}) {
                const auto several = outcome(project, "", devices);
                ASSERT_EQ(several.second.size(), one.second.size());
                for (size_t i = 0; i < one.second.size(); ++i)
                    EXPECT_NEAR(several.second[i], one.second[i], 2e-4) << "step " << i;
                for (const auto& [name, tensor] : one.first)
                    for (size_t i = 0; i < tensor.floats().size(); ++i)
                        ASSERT_NEAR(several.first.at(name).floats()[i], tensor.floats()[i], 2e-4) << name;
                environment.set("GRADLOOM_FAKE_NCCL", "missing");
                const auto onHost = outcome(project, "", devices);
                environment.set("GRADLOOM_FAKE_NCCL", "there");
                EXPECT_TRUE(train_test::sameBits(onHost.first, several.first))
                    << "both add in the same order";
                EXPECT_EQ(onHost.second, several.second) << "the same results, though one runs ahead";
            }
        }
}

TEST_F(TrainDevice, HowSeveralDevicesAddUpIsSaid)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    const auto remarks = [](std::vector<std::string> devices) {
        auto project = train_test::smallProject();
        SessionOptions options;
        options.data = train_test::dataOf(project);
        options.maxSteps = 3;
        options.devices = std::move(devices);
        TrainSession session(project, options);
        EXPECT_FALSE(session.wait().error);
        std::string all;
        for (const std::string& remark : session.pollRemarks())
            all += remark + "\n";
        return all;
    };
    const std::string pretended = "Each step was pretended.\n";
    const std::string onHost = " " + std::string(backend::sumsOnHost) + "\n" + pretended;
    EXPECT_EQ(remarks({"cuda:0", "cuda:1"}), "NCCL 2.99.4 adds up the results of 2 GPUs.\n" + pretended);
    EXPECT_EQ(remarks({"cuda:0"}), "NCCL 2.99.4 adds up the results of 1 GPU.\n" + pretended);
    environment.set("GRADLOOM_FAKE_NCCL", "missing");
    EXPECT_EQ(remarks({"cuda:0", "cuda:1"}), "NCCL is not installed." + onHost);
    EXPECT_EQ(remarks({"cuda:0"}), pretended) << "one GPU misses nothing";
    environment.set("GRADLOOM_FAKE_NCCL", "refusing");
    EXPECT_EQ(
        remarks({"cuda:0", "cuda:1"}), "NCCL cannot connect the GPUs: unhandled system error." + onHost);
    environment.set("GRADLOOM_FAKE_NCCL", "there");
    environment.set("GRADLOOM_FAKE_LOST_SUM", "1");
    EXPECT_EQ(remarks({"cuda:0", "cuda:1"}),
        "cuda:1: The pretended GPU fell off the bus. Restart the machine." + onHost)
        << "what does not work is found out before the first step";
    EXPECT_EQ(
        remarks({"cuda:0", "cpu"}), "The devices add up their results in the host's memory.\n" + pretended);
}

TEST_F(TrainDevice, ADeviceLostAmongSeveralEndsTheRunAndKeepsTheCheckpoint)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    const auto project = train_test::smallProject();
    const test::TempFolder folder;
    SessionOptions options = train_test::writingTo(folder / "whole", train_test::dataOf(project));
    options.devices = {"cuda:0", "cuda:1"};
    EXPECT_FALSE(train_test::trained(project, options).error);
    // Three sums a step (what the samples count, their losses, the gradients) and a trial: that of the gradients of
    // the ninth step, the second of the second epoch, is number 28.
    for (const auto& [setting, number, who] :
        {std::tuple("GRADLOOM_FAKE_LOST_SUM", "28", "cuda:1: "), std::tuple("GRADLOOM_FAKE_LOST", "9", "")}) {
        options.outDir = folder / setting;
        options.resumeDir.reset();
        environment.set(setting, number);
        const SessionResult lost = train_test::trained(project, options);
        environment.set(setting, "-1");
        EXPECT_EQ(lost.state, State::Failed);
        ASSERT_TRUE(lost.error);
        EXPECT_EQ(lost.error->message,
            who +
                std::string(
                    "The pretended GPU fell off the bus. Restart the machine. The last checkpoint in ") +
                options.outDir->string() + " is kept.");
        EXPECT_NE(test::readBytes(folder / setting / "run.json").find("\"failed\""), std::string::npos);
        options.resumeDir = options.outDir;
        EXPECT_FALSE(train_test::trained(project, options).error);
        EXPECT_TRUE(train_test::sameBits(weightsIn(folder / "whole"), weightsIn(*options.outDir)));
    }
}

TEST_F(TrainDevice, ADeviceLostBeforeTheFirstCheckpointIsThereLeavesNone)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    const auto project = train_test::smallProject();
    const test::TempFolder folder;
    SessionOptions options = train_test::writingTo(folder / "run", train_test::dataOf(project));
    options.devices = {"cuda:0", "cuda:1"};
    environment.set("GRADLOOM_FAKE_LOST_SUM", "22"); // the last one of the first epoch: a trial, seven steps
    const SessionResult lost = train_test::trained(project, options);
    environment.set("GRADLOOM_FAKE_LOST_SUM", "-1");
    ASSERT_TRUE(lost.error);
    EXPECT_EQ(lost.error->message, "cuda:1: The pretended GPU fell off the bus. Restart the machine.");
    EXPECT_FALSE(std::filesystem::exists(folder / "run" / "last.safetensors"));
}

TEST_F(TrainDevice, SeveralDevicesGoOnFromACheckpoint)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    for (const int64_t accumulate : {1, 4}) { // with 4 the break is between the batches of an update
        auto project = train_test::smallProject();
        project.training.options.set("accumulate", accumulate);
        const test::TempFolder folder;
        SessionOptions options = train_test::writingTo(folder / "whole", train_test::dataOf(project));
        options.devices = {"cuda:0", "cuda:1"};
        EXPECT_FALSE(train_test::trained(project, options).error);
        options.outDir = folder / "parts";
        options.maxSteps = 9;
        EXPECT_FALSE(train_test::trained(project, options).error);
        options.maxSteps.reset();
        options.resumeDir = folder / "parts";
        EXPECT_FALSE(train_test::trained(project, options).error);
        EXPECT_TRUE(train_test::sameBits(weightsIn(folder / "whole"), weightsIn(folder / "parts"))) << accumulate;
    }
}

TEST_F(TrainDevice, WhatSeveralDevicesCannotDoIsSaid)
{
    environment.set("GRADLOOM_FAKE_DEVICES", "2");
    const auto refusal = [&](const project::Project& project, std::vector<std::string> devices) {
        SessionOptions options;
        options.data = train_test::dataOf(project);
        options.publish = false;
        options.devices = std::move(devices);
        const SessionResult result = train_test::trained(project, options);
        return result.error ? result.error->message : std::string();
    };
    auto odd = train_test::smallProject();
    odd.training.batch = 33;
    EXPECT_EQ(refusal(odd, {"cuda:0", "cuda:1"}),
        "A batch of 33 samples cannot be shared by 2 devices evenly: make the batch size a multiple of 2.");
    odd.training.batch = 1;
    EXPECT_EQ(refusal(odd, {"cuda:0", "cuda:1"}),
        "A batch of 1 samples cannot be shared by 2 devices evenly: make the batch size a multiple of 2.");
    EXPECT_EQ(refusal(train_test::smallProject(), {"cuda", "cuda:0"}), "The device \"cuda:0\" is named twice.");
    EXPECT_EQ(
        refusal(train_test::smallProject(), {"cuda:1", "cuda:1"}), "The device \"cuda:1\" is named twice.");
    EXPECT_NE(
        refusal(train_test::smallProject(), {"cuda:0", "cuda:2"}).find("Ancient GPU"), std::string::npos);
}

} // namespace gradloom
