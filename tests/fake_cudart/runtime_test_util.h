#pragma once

#include "engine/backend/cuda/cuda_backend.h"
#include "engine/train/methods.h"
#include "engine/train/stepper.h"
#include "tests/engine/device_failure.h"
#include "tests/engine/train_test_util.h"
#include "tests/fake_cudart/fake_cudart.h"

#include <cmath>

/// Small trainings on the pretended runtime.
namespace gradloom::runtime_test {

using namespace tests;
using namespace train;
using backend::DeviceFailure;
using test::failure;
using train_test::list;
using train_test::node;

inline constexpr int64_t batchSize = 4;
inline constexpr int steps = 6;
inline const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};

inline project::Project prepared(project::Project project)
{
    project.training.batch = batchSize;
    return project;
}

inline project::Project pictures()
{
    return prepared(train_test::smallProject());
}

inline project::Project accumulating()
{
    project::Project project = pictures();
    project.training.options.set("accumulate", int64_t{3});
    return project;
}

inline project::Project sequences()
{
    project::Project project = pictures();
    project.graph = train_test::chain(
        {node("input", "input", {{"shape", list({5, 3})}}), node("lstm", "lstm", {{"units", int64_t{6}}}),
            node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")});
    return project;
}

inline project::Project game(int64_t discriminatorSteps)
{
    return prepared(train_test::smallGan("non_saturating", discriminatorSteps));
}

inline std::shared_ptr<backend::Backend> gpu()
{
    return cuda::openCuda(0, {.deterministic = true}).value();
}

inline std::shared_ptr<backend::Backend> cpu()
{
    return train_test::cpu(1);
}

inline data::Batch batchOf(const Shape& sample, uint64_t seed)
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
inline void overwrite(data::Batch& batch)
{
    for (Tensor* tensor : {&batch.samples, &batch.targets[0], &batch.weights, &batch.filled})
        std::fill_n(tensor->data(), tensor->bytes(), std::byte{0xff});
}

inline StepperOptions optionsOf(const project::Project& project)
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
inline std::vector<StepResult> resultsOf(Trainer& trainer)
{
    trainer.take(true);
    return trainer.results;
}

inline std::vector<StepResult> resultsOf(
    const project::Project& project, const std::shared_ptr<backend::Backend>& device)
{
    Trainer trainer(project, device);
    trainer.run(steps);
    return resultsOf(trainer);
}

/// Losses of single samples with the weights that the model has when all that was sent before is done.
inline std::vector<float> judged(Model& model)
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

inline void expectNear(float actual, float expected, const std::string& what)
{
    EXPECT_EQ(std::isnan(actual), std::isnan(expected)) << what;
    if (std::isnan(expected))
        return;
    EXPECT_NEAR(actual, expected, 1e-4F * (1 + std::abs(expected))) << what;
}

inline void expectSame(const std::vector<StepResult>& actual, const std::vector<StepResult>& expected)
{
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
        const std::string step = "step " + std::to_string(i);
        expectNear(actual[i].loss, expected[i].loss, "loss in " + step);
        expectNear(actual[i].accuracy, expected[i].accuracy, "accuracy in " + step);
        expectNear(actual[i].generatorLoss, expected[i].generatorLoss, "generator's loss in " + step);
    }
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
};

} // namespace gradloom::runtime_test
