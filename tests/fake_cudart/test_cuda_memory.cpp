#include "engine/backend/cuda/cuda_backend.h"
#include "engine/train/evaluate.h"
#include "engine/train/memory_need.h"
#include "engine/train/publisher.h"
#include "tests/engine/train_test_util.h"
#include "tests/fake_cudart/fake_cudart.h"

/// What a run takes of a GPU's memory, counted by a pretended CUDA runtime.
namespace gradloom::tests {
namespace {

using namespace train;

constexpr int64_t driverBytes = int64_t{256} << 20;
constexpr int64_t plenty = int64_t{4} << 30;

/// What a run has on a device, and how it began.
struct Begun
{
    std::unique_ptr<Model> model;
    std::unique_ptr<Stepper> stepper;
    std::unique_ptr<Publisher> publisher;
    std::vector<float> losses;
};

class CudaMemoryNeed : public testing::Test
{
protected:
    CudaMemoryNeed() { fake.memory = plenty; }

    void use(project::Project project)
    {
        project.training.batch = 4;
        data = train_test::dataOf(project);
        work.steps = stepperOptions(project, chooseMethods(project.training).value(), data->labels());
        work.steps.recipe.keepGradients = true;
        work.validates = Stepper::validates(project.graph);
        work.publishes = true;
        graph = project.graph;
    }

    Begun start(const std::shared_ptr<backend::Backend>& device) const
    {
        Begun run;
        run.model = Model::create(graph, data->labels(), device, 7).value();
        run.stepper = Stepper::create(*run.model, work.steps).value();
        const Tensor sample(data->loaded.sampleShape());
        run.publisher = Publisher::create(*run.model, sample, *data).value();
        data::LoaderOptions loading;
        loading.batchSize = 4;
        const auto loader =
            data::BatchLoader::create(data->split.training, data->preprocess, loading).value();
        for (int32_t step = 0; step < 4; ++step) {
            run.stepper->step(*loader->next().value(), {step, 0.01, {7, 0, step, 0}});
            run.losses.push_back(run.stepper->take(true)->loss);
        }
        if (work.validates) {
            EvaluateOptions options;
            options.batch = validationBatch(4, *device);
            const auto judged = evaluate(
                *run.model, data->split.validation, data->preprocess, data->classes(), options);
            run.losses.push_back(static_cast<float>(judged.value().loss));
        }
        run.publisher->make(4, *run.stepper);
        return run;
    }

    void expectLosses(const Begun& run, const Begun& expected) const
    {
        for (size_t i = 0; i < expected.losses.size(); ++i)
            EXPECT_NEAR(run.losses[i], expected.losses[i], 1e-3F * (1 + std::abs(expected.losses[i]))) << i;
    }

    FreshCudart fresh;
    FakeCudart& fake = fakeCudart();
    graph::Graph graph;
    std::shared_ptr<const RunData> data;
    RunWork work;
};

std::vector<project::Project> projects()
{
    std::vector<project::Project> all{train_test::smallProject(), train_test::smallGan("non_saturating")};
    all.push_back(all[0]);
    all.back().training.options = {{"accumulate", int64_t{3}}, {"ema_decay", 0.9}};
    return all;
}

} // namespace

TEST_F(CudaMemoryNeed, IsAllThatARunTakes)
{
    for (const project::Project& project : projects()) {
        use(project);
        const Begun expected = start(train_test::cpu());
        // With the own kernels alone.
        const std::shared_ptr<backend::Backend> device = cuda::openCuda(0, {.deterministic = true}).value();
        const int64_t idle = fake.taken;
        const int64_t need = memoryNeed(graph, work, *device).value().total();
        fake.memory = idle + driverBytes + need - 1;
        EXPECT_EQ(reserveMemory(*device, graph, work).error().code, ErrorCode::OutOfMemory);
        EXPECT_EQ(fake.taken, idle);
        fake.memory += 1;
        ASSERT_TRUE(reserveMemory(*device, graph, work));
        EXPECT_EQ(fake.taken, idle + need);
        const Begun run = start(device);
        EXPECT_EQ(fake.taken, idle + need) << "everything lies in what was reserved";
        for (LoadedProgram* program : run.stepper->programs())
            EXPECT_EQ(program->executable().memoryBytes(), device->planBytes(program->plan()));
        expectLosses(run, expected);
        fake.memory = plenty;
    }
    EXPECT_EQ(fake.taken, 0);
}

TEST_F(CudaMemoryNeed, LeavesTheRestToLibraries)
{
    use(train_test::smallProject());
    for (const int64_t rest : {int64_t{0}, int64_t{1} << 20}) {
        fake.memory = plenty;
        const std::shared_ptr<backend::Backend> device = cuda::openCuda(0, {}).value();
        const int64_t idle = fake.taken;
        const int64_t need = memoryNeed(graph, work, *device).value().total();
        fake.memory = idle + driverBytes + need + rest;
        ASSERT_TRUE(reserveMemory(*device, graph, work));
        const Begun run = start(device);
        LoadedProgram& step = *run.stepper->programs().front();
        const int64_t more = step.executable().memoryBytes() - device->planBytes(step.plan());
        if (rest == 0) {
            EXPECT_EQ(fake.taken, idle + need);
            EXPECT_EQ(more, 0);
        } else {
            EXPECT_GT(fake.taken, idle + need);
            EXPECT_LE(fake.taken, idle + need + rest);
            EXPECT_GT(more, 0);
        }
    }
}

/// As NCCL's memory, which it takes later.
TEST_F(CudaMemoryNeed, LeavesToLibrariesNothingThatShallStayUntouched)
{
    use(train_test::smallProject());
    constexpr int64_t rest = int64_t{1} << 20;
    const std::shared_ptr<backend::Backend> device = cuda::openCuda(0, {}).value();
    const int64_t idle = fake.taken;
    const int64_t need = memoryNeed(graph, work, *device).value().total();
    fake.memory = idle + driverBytes + need + rest;
    ASSERT_TRUE(device->reserve(need, rest));
    const Begun run = start(device);
    EXPECT_EQ(fake.taken, idle + need);
    EXPECT_EQ(device->memory().free, rest);
}

TEST_F(CudaMemoryNeed, SaysHowMuchWhereARunIsRefused)
{
    use(train_test::smallProject());
    const std::shared_ptr<backend::Backend> device = cuda::openCuda(0, {}).value();
    work.steps.program.batch = 3;
    const int64_t fits = memoryNeed(graph, work, *device).value().total();
    work.steps.program.batch = 4;
    fake.memory = fake.taken + driverBytes + fits;
    EXPECT_EQ(device->memory().free, fits);
    const Status refused = reserveMemory(*device, graph, work);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("A batch size of 3 fits."), std::string::npos) << refused.error().message;
}

} // namespace gradloom::tests
