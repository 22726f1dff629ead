#include "tests/fake_cudart/runtime_test_util.h"

#include <thread>

/// Training on a runtime that does everything as late as it may, or when chance will have it, and how the
/// host waits for it.
namespace gradloom::runtime_test {
namespace {

struct Drawing
{
    std::string name;
    project::Project project;
    int64_t programs = 1; ///< that make a step, at most
};

void PrintTo(const Drawing& drawing, std::ostream* out)
{
    *out << drawing.name;
}

std::vector<Drawing> drawings()
{
    return {{"pictures", pictures()}, {"accumulating", accumulating()}, {"sequences", sequences()},
        {"game", game(1), 2}, {"game_of_two", game(2), 2}};
}

class CudaRuntimeTraining : public CudaRuntime, public testing::WithParamInterface<Drawing>
{
};

} // namespace

TEST_P(CudaRuntimeTraining, GivesTheResultsOfTheCpuWheneverTheDeviceWorks)
{
    const auto expected = resultsOf(GetParam().project, cpu());
    for (const uint64_t chance : {0, 1, 2, 3}) {
        SCOPED_TRACE("chance " + std::to_string(chance));
        fake.chance = chance;
        fake.captures = fake.graphLaunches = 0;
        expectSame(resultsOf(GetParam().project, gpu()), expected);
        EXPECT_GE(fake.captures, 1) << "a step becomes a CUDA graph";
        EXPECT_GE(fake.graphLaunches, 2);
    }
    EXPECT_EQ(fake.taken, 0) << "all memory is given back";
    EXPECT_EQ(fake.pinned, 0);
}

TEST_P(CudaRuntimeTraining, WaitsForNoInputOfTheBatchItIsGiven)
{
    Trainer trainer(GetParam().project, gpu());
    trainer.run(4);
    for (int i = 0; i < 4; ++i) {
        const int64_t waits = fake.waits;
        trainer.begin();
        EXPECT_LE(fake.waits - waits, GetParam().programs) << "once for the last batch";
        trainer.take(false);
    }
}

TEST_P(CudaRuntimeTraining, WaitsForNoStepThatWasJustBegun)
{
    Trainer trainer(GetParam().project, gpu());
    trainer.run(4);
    for (int i = 0; i < 4; ++i) {
        trainer.begin();
        const int64_t waits = fake.waits;
        trainer.take(false);
        EXPECT_LE(fake.waits - waits, GetParam().programs) << "however many results there are";
        EXPECT_GT(unfinishedWork(), 0) << "the device is not idle while the host reads";
    }
    EXPECT_EQ(trainer.results.size(), 7U);
}

TEST_F(CudaRuntime, AddsUpWithAnotherDeviceBetweenTheGraphsOfAStep)
{
    project::Project project = pictures();
    for (graph::Node& layer : project.graph.nodes)
        if (layer.type == "max_pool2d")
            layer.type = "batch_norm";
    const auto expected = resultsOf(project, cpu());
    for (const uint64_t chance : {0, 1, 2}) {
        SCOPED_TRACE("chance " + std::to_string(chance));
        fake.chance = chance;
        fake.captures = fake.graphLaunches = 0;
        Trainer trainer(project, gpu(), {cpu()});
        trainer.run(steps);
        expectSame(resultsOf(trainer), expected);
        const backend::Executable& executable = trainer.program().executable();
        const auto parts = static_cast<int64_t>(executable.sums().size()) + 1;
        EXPECT_EQ(parts, 8) << "counts, losses and gradients; two sums each way for BatchNorm";
        EXPECT_EQ(fake.captures, parts);
        EXPECT_EQ(executable.note(), "Each step is 8 CUDA graphs, between which the devices add up.");
    }
}

INSTANTIATE_TEST_SUITE_P(Drawings, CudaRuntimeTraining, testing::ValuesIn(drawings()),
    [](const auto& info) { return info.param.name; });

namespace {

struct Waiting
{
    std::string what;
    void (*wait)(Trainer& training);
};

void PrintTo(const Waiting& waiting, std::ostream* out)
{
    *out << waiting.what;
}

class CudaRuntimeWaiting : public CudaRuntime, public testing::WithParamInterface<Waiting>
{
};

} // namespace

TEST_P(CudaRuntimeWaiting, LeavesTheDeviceToOthers)
{
    const auto device = gpu();
    Trainer training(pictures(), device);
    Trainer other(pictures(), device);
    training.begin();
    training.begin();
    fake.stalled = true;
    std::thread waiter([&] { GetParam().wait(training); });
    awaitStalledWaiter();
    other.begin();
    resume();
    waiter.join();
    EXPECT_FALSE(fake.gaveUp) << "the other one's work is sent while the first one waits";
}

TEST_P(CudaRuntimeWaiting, LooksAtOtherDevices)
{
    const auto device = gpu();
    Trainer training(pictures(), device);
    training.begin();
    training.begin();
    int looks = 0;
    whileWaiting(*device, [&] {
        if (++looks == 3)
            throw DeviceFailure("The other GPU is gone.");
    });
    fake.stalled = true;
    EXPECT_EQ(failure([&] { GetParam().wait(training); }), "The other GPU is gone.");
    fake.stalled = false;
    EXPECT_EQ(failure([&] { GetParam().wait(training); }), "") << "there is no other one it waits for";
    whileWaiting(*device, nullptr);
}

TEST_F(CudaRuntime, WhatWasBrokenOffIsNotTakenForDone)
{
    const auto device = gpu();
    Trainer training(pictures(), device);
    training.begin();
    whileWaiting(*device, [] {
        if (unfinishedWork() == 0)
            throw DeviceFailure("The other GPU is gone.");
    });
    EXPECT_EQ(failure([&] { training.take(true); }), "The other GPU is gone.");
    whileWaiting(*device, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Ways, CudaRuntimeWaiting,
    testing::ValuesIn(
        std::vector<Waiting>{{"for_its_last_batch", [](Trainer& training) { training.begin(); }},
            {"for_the_step_before", [](Trainer& training) { training.take(false); }},
            {"for_the_last_step", [](Trainer& training) { training.take(true); }},
            {"for_a_tensor", [](Trainer& training) { training.gradients(); }},
            {"for_the_weights", [](Trainer& training) { training.model->weights(); }},
            {"to_set_the_weights",
                [](Trainer& training) {
                    EXPECT_TRUE(training.model->setWeights(initialWeights(training.model->layout(), 1)));
                }}}),
    [](const auto& info) { return info.param.what; });

} // namespace gradloom::runtime_test
