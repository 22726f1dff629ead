#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/cuda/library.h"
#include "engine/train/methods.h"
#include "engine/train/stepper.h"
#include "tests/engine/train_test_util.h"
#include "tests/fake_cudart/fake_cudart.h"

#include <cmath>
#include <thread>

/// Executables of the GPU on a runtime that does everything as late as it may, or when chance will have it.
namespace gradloom::tests {
namespace {

using namespace train;
using backend::DeviceFailure;
using train_test::list;
using train_test::node;

constexpr int64_t batchSize = 4;
constexpr int steps = 6;
const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};

project::Project prepared(project::Project project)
{
    project.training.batch = batchSize;
    return project;
}

project::Project pictures()
{
    return prepared(train_test::smallProject());
}

project::Project accumulating()
{
    project::Project project = pictures();
    project.training.options.set("accumulate", int64_t{3});
    return project;
}

project::Project sequences()
{
    project::Project project = pictures();
    project.graph = train_test::chain(
        {node("input", "input", {{"shape", list({5, 3})}}), node("lstm", "lstm", {{"units", int64_t{6}}}),
            node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")});
    return project;
}

project::Project game(int64_t discriminatorSteps)
{
    return prepared(train_test::smallGan("non_saturating", discriminatorSteps));
}

std::shared_ptr<backend::Backend> gpu()
{
    return cuda::openCuda(0, {.deterministic = true}).value();
}

std::shared_ptr<backend::Backend> cpu()
{
    return train_test::cpu(1);
}

data::Batch batchOf(const Shape& sample, uint64_t seed)
{
    Random random(seed);
    data::Batch batch;
    batch.samples = Tensor(sample.prepended(batchSize));
    for (float& x : batch.samples.floats())
        x = random.normal();
    batch.targets.emplace_back(Shape{batchSize}, DType::I32);
    for (int32_t& x : batch.targets[0].as<int32_t>())
        x = static_cast<int32_t>(random.below(10));
    batch.weights = batch.filled = Tensor(Shape{batchSize});
    for (Tensor* tensor : {&batch.weights, &batch.filled})
        std::fill(tensor->floats().begin(), tensor->floats().end(), 1.0F);
    batch.count = batchSize;
    return batch;
}

/// As after write(), when the host fills it anew.
void overwrite(data::Batch& batch)
{
    for (Tensor* tensor : {&batch.samples, &batch.targets[0], &batch.weights, &batch.filled})
        std::fill_n(tensor->data(), tensor->bytes(), std::byte{0xff});
}

StepperOptions optionsOf(const project::Project& project)
{
    StepperOptions options = stepperOptions(project, chooseMethods(project.training).value(), labels);
    options.stepsPerEpoch = steps;
    options.recipe.keepGradients = true;
    return options;
}

struct Trainer
{
    std::unique_ptr<Model> model;
    std::unique_ptr<Stepper> stepper;
    std::vector<StepResult> results;
    int begun = 0;

    /// `others` share each batch.
    Trainer(const project::Project& project, const std::shared_ptr<backend::Backend>& device,
        std::vector<std::shared_ptr<backend::Backend>> others = {})
    {
        model = Model::create(project.graph, labels, device, project.training.seed).value();
        StepperOptions options = optionsOf(project);
        options.parallel = !others.empty();
        options.otherDevices = std::move(others);
        auto made = Stepper::create(*model, std::move(options));
        if (!made)
            throw std::runtime_error(made.error().message);
        stepper = std::move(*made);
    }

    void begin()
    {
        data::Batch batch = batchOf(stepper->sampleShape(), static_cast<uint64_t>(begun));
        stepper->step(batch, {begun, 0.01, {7, 0, begun, 0}});
        overwrite(batch);
        ++begun;
    }
    void take(bool wait)
    {
        while (const auto result = stepper->take(wait))
            results.push_back(*result);
    }
    std::vector<float> gradients() const
    {
        std::vector<float> all(static_cast<size_t>(model->layout().parameterElements));
        EXPECT_TRUE(stepper->readGradients(all));
        return all;
    }
    LoadedProgram& program() const { return *stepper->programs().front(); }
    /// As a run does: a step is begun before what the last one gave is looked at.
    void run(int count)
    {
        for (int i = 0; i < count; ++i) {
            begin();
            take(false);
        }
    }
};

/// All that there are.
std::vector<StepResult> resultsOf(Trainer& trainer)
{
    trainer.take(true);
    return trainer.results;
}

std::vector<StepResult> resultsOf(
    const project::Project& project, const std::shared_ptr<backend::Backend>& device)
{
    Trainer trainer(project, device);
    trainer.run(steps);
    return resultsOf(trainer);
}

/// Losses of single samples with the weights that the model has when all that was sent before is done.
std::vector<float> judged(Model& model)
{
    ProgramOptions options;
    options.batch = batchSize;
    options.labels = labels;
    LoadedProgram& program =
        *model.program("judge", [&] { return forwardProgram(model.graph(), options); }).value();
    data::Batch batch = batchOf(program.inputType("input")->shape.withoutFirst(), 99);
    BatchWriter(labels).write(program, batch);
    overwrite(batch);
    program.run();
    std::vector<float> losses(batchSize);
    program.read("losses", losses);
    return losses;
}

void expectNear(float actual, float expected, const std::string& what)
{
    EXPECT_EQ(std::isnan(actual), std::isnan(expected)) << what;
    if (std::isnan(expected))
        return;
    EXPECT_NEAR(actual, expected, 1e-4F * (1 + std::abs(expected))) << what;
}

void expectSame(const std::vector<StepResult>& actual, const std::vector<StepResult>& expected)
{
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
        const std::string step = "step " + std::to_string(i);
        expectNear(actual[i].loss, expected[i].loss, "loss in " + step);
        expectNear(actual[i].accuracy, expected[i].accuracy, "accuracy in " + step);
        expectNear(actual[i].generatorLoss, expected[i].generatorLoss, "generator's loss in " + step);
    }
}

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

class CudaRuntime : public testing::Test
{
protected:
    FreshCudart fresh;
    FakeCudart& fake = fakeCudart();

    static void whileWaiting(backend::Backend& device, std::function<void()> look)
    {
        const auto shared = cuda::deviceOf(device);
        const std::lock_guard lock(shared->turn);
        shared->whileWaiting(std::move(look));
    }

    /// What the failure says; empty where there is none.
    template <class Action>
    static std::string failure(const Action& action)
    {
        try {
            action();
        } catch (const DeviceFailure& failure) {
            return failure.what();
        }
        return {};
    }
};

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

/// Ways in which the host waits for the device when two steps have been begun.
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

INSTANTIATE_TEST_SUITE_P(Drawings, CudaRuntimeTraining, testing::ValuesIn(drawings()),
    [](const auto& info) { return info.param.name; });

} // namespace gradloom::tests
