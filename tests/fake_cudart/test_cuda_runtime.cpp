#include "engine/backend/cuda/cuda_backend.h"
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

struct Trainer
{
    std::unique_ptr<Model> model;
    std::unique_ptr<Stepper> stepper;
    std::vector<StepResult> results;
    int begun = 0;

    Trainer(const project::Project& project, const std::shared_ptr<backend::Backend>& device)
    {
        model = Model::create(project.graph, labels, device, project.training.seed).value();
        StepperOptions options = stepperOptions(project, chooseMethods(project.training).value(), labels);
        options.stepsPerEpoch = steps;
        options.recipe.keepGradients = true;
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
    /// As a run does: a step is begun before what the last one gave is looked at.
    void run(int count)
    {
        for (int i = 0; i < count; ++i) {
            begin();
            take(false);
        }
    }
};

std::vector<StepResult> resultsOf(
    const project::Project& project, const std::shared_ptr<backend::Backend>& device)
{
    Trainer trainer(project, device);
    trainer.run(steps);
    trainer.take(true);
    return trainer.results;
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
    const auto expected = resultsOf(GetParam().project, train_test::cpu());
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
    const auto look = [&](std::function<void()> action) {
        const auto shared = cuda::deviceOf(*device);
        const std::lock_guard lock(shared->turn);
        shared->whileWaiting(std::move(action));
    };
    int looks = 0;
    look([&] {
        if (++looks == 3)
            throw DeviceFailure("The other GPU is gone.");
    });
    fake.stalled = true;
    EXPECT_EQ(failure([&] { GetParam().wait(training); }), "The other GPU is gone.");
    fake.stalled = false;
    EXPECT_EQ(failure([&] { GetParam().wait(training); }), "") << "there is no other one it waits for";
    look(nullptr);
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
