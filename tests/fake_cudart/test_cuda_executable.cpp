#include "engine/backend/cuda/library.h"
#include "tests/fake_cudart/runtime_test_util.h"

#include <thread>

/// Executables on a runtime that does everything as late as it may, or when chance will have it.
namespace gradloom::runtime_test {

TEST_F(CudaRuntime, AStepBecomesAGraphAfterTwoRuns)
{
    Trainer trainer(pictures(), gpu());
    const backend::Executable& executable = trainer.program().executable();
    trainer.run(2);
    EXPECT_EQ(fake.captures, 0) << "libraries load what they need meanwhile";
    EXPECT_EQ(executable.note(), "");
    trainer.run(4);
    EXPECT_EQ(fake.captures, 1);
    EXPECT_EQ(fake.graphLaunches, 4);
    EXPECT_EQ(executable.note(), "Each step is one CUDA graph.");
}

TEST_F(CudaRuntime, ASpoiledCaptureIsTriedAgainTwice)
{
    const auto expected = resultsOf(pictures(), cpu());
    for (int& spoiled : {std::ref(fake.spoiledCaptures), std::ref(fake.spoiledLaunches)})
        for (int count = 1; count <= 4; ++count) {
            SCOPED_TRACE(count);
            spoiled = count;
            fake.captures = 0;
            Trainer trainer(pictures(), gpu());
            trainer.run(steps);
            expectSame(resultsOf(trainer), expected);
            EXPECT_EQ(fake.captures, count < 3 ? 1 : 0);
            EXPECT_EQ(spoiled, std::max(0, count - 3)) << "no fourth time";
            EXPECT_EQ(trainer.program().executable().note().starts_with(
                          "The step could not be captured as a CUDA graph. The GPU failed while "),
                count >= 3)
                << trainer.program().executable().note();
            spoiled = 0;
        }
}

TEST_F(CudaRuntime, WhatDoesNotFitIsSaidAndTakesNothing)
{
    const auto project = pictures();
    const auto device = gpu();
    const auto model = Model::create(project.graph, labels, device, project.training.seed).value();
    for (const auto& [limit, taken] : {std::pair(&FakeCudart::memory, &FakeCudart::taken),
             std::pair(&FakeCudart::pinnable, &FakeCudart::pinned)}) {
        const int64_t before = fake.*taken;
        auto loaded = Stepper::create(*model, optionsOf(project));
        const int64_t need = fake.*taken - before;
        loaded->reset();
        ASSERT_GT(need, 0);
        const int64_t plenty = fake.*limit;
        for (int64_t part = 0; part < 16; ++part) {
            fake.*limit = before + need * part / 16;
            const auto refused = Stepper::create(*model, optionsOf(project));
            ASSERT_FALSE(refused) << part << " parts of 16 are enough";
            EXPECT_EQ(refused.error().code, ErrorCode::OutOfMemory);
            EXPECT_NE(refused.error().message.find("too little"), std::string::npos)
                << refused.error().message;
            EXPECT_EQ(fake.*taken, before) << "what was taken before it failed is given back";
        }
        fake.*limit = plenty;
    }
    EXPECT_EQ(device->allocate(fake.memory).error().code, ErrorCode::OutOfMemory);
    expectSame(resultsOf(project, device), resultsOf(project, cpu()));
}

TEST_F(CudaRuntime, PoisonChangesNoResult)
{
    for (const uint64_t chance : {0, 1}) {
        fake.chance = chance;
        Trainer trainer(pictures(), gpu());
        for (int i = 0; i < steps; ++i) {
            trainer.program().executable().poison();
            trainer.run(1);
        }
        expectSame(resultsOf(trainer), resultsOf(pictures(), cpu()));
    }
}

TEST_F(CudaRuntime, PoisonLeavesTheInputs)
{
    Trainer trainer(pictures(), gpu());
    Trainer expected(pictures(), cpu());
    for (Trainer* each : {&trainer, &expected}) {
        each->begin();
        each->program().executable().poison();
        each->program().run(); // once more with the batch that it had
    }
    expectNear(trainer.program().readNumber("loss"), expected.program().readNumber("loss"), "loss");
}

TEST_F(CudaRuntime, TimesOfOperationsAreThoseOfAStep)
{
    Trainer trainer(pictures(), gpu());
    Trainer expected(pictures(), cpu());
    trainer.run(3);
    expected.run(3);
    const auto seconds = trainer.program().executable().timeOps();
    expected.program().executable().timeOps();
    const auto kernels = trainer.program().executable().kernels();
    ASSERT_EQ(seconds.size(), kernels.size());
    for (size_t i = 0; i < seconds.size(); ++i)
        EXPECT_GE(seconds[i], kernels[i].empty() ? 0 : 1e-3) << "a millisecond for everything that is done";
    expectNear(trainer.program().readNumber("loss"), expected.program().readNumber("loss"), "loss");
}

TEST_F(CudaRuntime, ProgramsOfAModelSeeEachOthersWork)
{
    for (const uint64_t chance : {0, 1, 2}) {
        fake.chance = chance;
        Trainer trainer(pictures(), gpu());
        Trainer expected(pictures(), cpu());
        for (int i = 0; i < steps; ++i) {
            trainer.begin();
            expected.begin();
            const auto losses = judged(*trainer.model);
            const auto right = judged(*expected.model);
            for (size_t sample = 0; sample < right.size(); ++sample)
                expectNear(losses[sample], right[sample], "sample " + std::to_string(sample));
        }
        EXPECT_GE(fake.captures, 2);
    }
}

TEST_F(CudaRuntime, OfAnInputWrittenTwiceTheLastOneCounts)
{
    for (const uint64_t chance : {0, 1}) {
        fake.chance = chance;
        Trainer trainer(pictures(), gpu());
        for (int i = 0; i < steps; ++i) {
            trainer.program().write("input", batchOf(trainer.stepper->sampleShape(), 1000).samples);
            trainer.run(1);
        }
        expectSame(resultsOf(trainer), resultsOf(pictures(), cpu()));
    }
}

TEST_F(CudaRuntime, ThreadsShareADevice)
{
    const auto expected = resultsOf(pictures(), cpu());
    fake.chance = 1;
    const auto device = gpu();
    std::vector<std::vector<StepResult>> results(3);
    {
        std::vector<std::jthread> threads;
        for (auto& kept : results)
            threads.emplace_back([&] { kept = resultsOf(pictures(), device); });
    }
    for (const auto& kept : results)
        expectSame(kept, expected);
    EXPECT_EQ(fake.captures, 3);
}

TEST_F(CudaRuntime, WaysOfComputingAreTriedOnTheDevice)
{
    fake.memory = int64_t{1} << 30; // so that there is room beside what the driver is left
    project::Project project = pictures();
    project.graph = train_test::chain({node("input", "input", {{"shape", list({8, 8, 3})}}),
        node("conv", "conv2d", {{"filters", int64_t{4}}}), node("norm", "batch_norm"),
        node("pool", "avg_pool2d"), node("flat", "flatten"),
        node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")});
    const auto expected = resultsOf(project, cpu());
    for (const uint64_t chance : {0, 1, 2}) {
        fake.chance = chance;
        Trainer trainer(project, cuda::openCuda(0, {}).value());
        trainer.run(steps);
        expectSame(resultsOf(trainer), expected);
        const auto kernels = trainer.program().executable().kernels();
        EXPECT_EQ(std::count(kernels.begin(), kernels.end(), "cuDNN batch norm"), 2)
            << "one call where our own need several kernels";
    }
}

TEST_F(CudaRuntime, ATrialTimesWhatItRuns)
{
    const cuda::Stream stream = cuda::makeStream();
    cuda::StreamTrial trial(stream.get());
    const auto memory = trial.allocate(512);
    const auto zero = [&](const cuda::Context& context) { cuda::zeroBytes(context, memory.get(), 512); };
    const auto copy = [&](const cuda::Context& context) {
        cuda::copyBytes(context, memory.get() + 256, memory.get(), 256);
    };
    EXPECT_EQ(trial.read(memory.get(), 512).back(), std::byte{0xff});
    trial.run({zero, copy});
    EXPECT_EQ(trial.read(memory.get(), 512), std::vector<std::byte>(512));
    EXPECT_NEAR(trial.milliseconds({zero}), 1, 0.2) << "a millisecond for everything that is done";
    EXPECT_NEAR(trial.milliseconds({zero, copy, zero}), 3, 0.2);
    fake.spoiledLaunches = 1;
    EXPECT_THROW(trial.milliseconds({zero}), DeviceFailure) << "what cannot be part of a graph";
    EXPECT_NEAR(trial.milliseconds({zero}), 1, 0.2);
    EXPECT_THROW(trial.allocate(fake.memory), cuda::OutOfDeviceMemory);
}

TEST_F(CudaRuntime, ALostDeviceIsSaidByTheNextCall)
{
    const std::string sentence = "unspecified launch failure. Start again, on the CPU if it fails once more.";
    {
        const auto device = gpu();
        Trainer trainer(pictures(), device);
        trainer.run(3);
        fake.lost = true;
        for (const auto& call : std::vector<std::function<void()>>{[&] { trainer.begin(); },
                 [&] { trainer.take(true); }, [&] { trainer.gradients(); }, [&] { trainer.model->weights(); },
                 [&] { trainer.program().run(); }, [&] { trainer.program().executable().poison(); },
                 [&] { trainer.program().executable().timeOps(); }})
            EXPECT_TRUE(failure(call).ends_with(sentence)) << failure(call);
        EXPECT_TRUE(device->allocate(100).error().message.ends_with(sentence));
        EXPECT_EQ(device->memory().total, 0) << "nobody knows";
    }
    EXPECT_EQ(fake.taken, 0) << "whatever was not told to the device";
}

} // namespace gradloom::runtime_test
