#include "engine/backend/module_loader.h"
#include "engine/train/evaluate.h"
#include "engine/train/methods.h"
#include "engine/train/stepper.h"
#include "source_dir.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/engine/primitive_harness.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"
#include "tests/layers/layer_harness.h"

#include <algorithm>

/// What a plan takes on a device is known before it is loaded.
namespace gradloom::tests {
namespace {

namespace fs = std::filesystem;

/// A GPU whose libraries get nothing beside what was counted.
std::unique_ptr<backend::Backend> narrowGpu(backend::Precision precision, bool keepScores = true)
{
    backend::DeviceOptions options;
    options.precision = precision;
    return openEmulatedCuda(options, keepScores, nullptr, 0);
}

std::vector<std::unique_ptr<backend::Backend>> devices()
{
    std::vector<std::unique_ptr<backend::Backend>> all;
    for (const int threads : {1, 3})
        all.push_back(backend::open("cpu", {threads}).value());
    all.push_back(narrowGpu(backend::Precision::Float32));
    all.push_back(narrowGpu(backend::Precision::Bf16));
    all.push_back(narrowGpu(backend::Precision::Float32, false));
    return all;
}

void expectKnown(const compile::Plan& plan, backend::Backend& device)
{
    const auto shared = std::make_shared<compile::Plan>(plan);
    const auto model = backend::allocateModel(device, plan.program).value();
    const int64_t expected = device.planBytes(plan);
    EXPECT_EQ(device.load(shared, model).value()->memoryBytes(), expected) << device.info().name;
}

std::vector<fs::path> projectFiles()
{
    std::vector<fs::path> files;
    for (const char* folder : {"projects", "tests/bench/models"})
        for (const auto& entry : fs::directory_iterator(fs::path(GRADLOOM_SOURCE_DIR) / folder))
            if (entry.path().filename().string().ends_with(".gradloom.json"))
                files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

/// What a run of a project loads, with few samples to a batch.
std::vector<ir::Program> programsOf(const project::Project& project)
{
    const auto methods = train::chooseMethods(project.training).value();
    train::StepperOptions options = train::stepperOptions(project, methods, {});
    options.program.batch = 4;
    auto programs = train::Stepper::makePrograms(project.graph, options).value();
    programs.push_back(train::judgingProgram(project.graph, {}, 4).value());
    return programs;
}

} // namespace

TEST(PlanBytes, AreWhatEveryPrimitiveTakes)
{
    for (const Case& c : primitiveCases())
        for (auto& device : devices()) {
            const Harness harness(c, std::move(device));
            EXPECT_EQ(harness.executable().memoryBytes(), harness.device().planBytes(harness.plan()))
                << c.op << " " << c.name << " on " << harness.device().info().name;
        }
}

TEST(PlanBytes, AreWhatEveryLayerTakes)
{
    for (const auto& type : layers::layerTypes().all())
        for (const auto& sample : type.samples) {
            SCOPED_TRACE(type.id);
            const LayerHarness harness(type, sample, true);
            for (const auto& device : devices())
                expectKnown(compile::plan(harness.program(), device->planOptions()), *device);
        }
}

TEST(PlanBytes, AreWhatEveryProjectTakes)
{
    for (const fs::path& file : projectFiles()) {
        SCOPED_TRACE(file.filename());
        const auto project = project::loadProject(file).value();
        for (const ir::Program& program : programsOf(project))
            for (const auto& device : devices())
                expectKnown(compile::plan(program, device->planOptions()), *device);
    }
}

TEST(PlanBytes, OfTheCpuAreKnownWithoutItsThreads)
{
    const auto threads = [] { return std::distance(fs::directory_iterator("/proc/self/task"), {}); };
    const auto program = train::judgingProgram(train_test::smallCnn(), {}, 8).value();
    const auto before = threads();
    std::map<int, std::unique_ptr<backend::Planner>> planners;
    for (const int wanted : {0, 1, 7, 1000})
        planners[wanted] = backend::planner("cpu", {wanted}).value();
    EXPECT_LE(threads(), before);
    for (const auto& [wanted, planner] : planners) {
        const auto opened = backend::open("cpu", {wanted}).value();
        const compile::Plan plan = compile::plan(program, planner->planOptions());
        EXPECT_EQ(planner->planBytes(plan), opened->planBytes(plan)) << wanted;
    }
    EXPECT_GT(planners[7]->planBytes(compile::plan(program)), planners[1]->planBytes(compile::plan(program)));
}

TEST(PlanBytes, CountScratchMemory)
{
    // bfloat16 copies of both operands of a product.
    ir::Builder b;
    const ir::ValueId y = b.op("gemm",
        {b.input("a", {Shape{64, 32}, DType::F32}), b.input("b", {Shape{32, 16}, DType::F32}), ir::noValue},
        {{"trans_a", false}, {"trans_b", false}});
    b.output("y", y);
    const compile::Plan plan = compile::plan(b.program());
    const int64_t operands = (64 * 32 + 32 * 16) * 4;
    const int64_t arena = operands + 64 * 16 * 4;
    EXPECT_EQ(narrowGpu(backend::Precision::Float32)->planBytes(plan), arena + operands)
        << "inputs are in two places";
    EXPECT_EQ(narrowGpu(backend::Precision::Bf16)->planBytes(plan), arena + operands + operands / 2);
}

TEST(PlanBytes, LeaveOutWhatLibrariesTakeOfTheRest)
{
    const Case convolution{"conv2d", {{Shape{2, 6, 6, 4}, DType::F32}, {Shape{3, 3, 4, 8}, DType::F32}},
        {{"stride", std::vector<int64_t>{1, 1}}, {"padding", std::vector<int64_t>{1, 1, 1, 1}},
            {"dilation", std::vector<int64_t>{1, 1}}},
        ""};
    const Harness wide(convolution, openEmulatedCuda());
    EXPECT_GT(wide.executable().memoryBytes(), wide.device().planBytes(wide.plan()));
}

#ifdef BUILT_CUDA_MODULE

/// The module itself, without a GPU.
TEST(PlanBytes, AreKnownToTheModuleWithoutADevice)
{
    const auto* module = backend::loadModule(BUILT_CUDA_MODULE).module;
    ASSERT_TRUE(module);
    for (const auto precision : {backend::Precision::Float32, backend::Precision::Bf16}) {
        backend::DeviceOptions options;
        options.precision = precision;
        const auto planner = module->planner(options);
        options.deterministic = true;
        const auto deterministic = module->planner(options);
        const auto emulated = narrowGpu(precision);
        for (const fs::path& file : projectFiles())
            for (const ir::Program& program : programsOf(project::loadProject(file).value())) {
                const compile::Plan plan = compile::plan(program, planner->planOptions());
                EXPECT_EQ(planner->planBytes(plan), emulated->planBytes(plan)) << file;
                const bool convolves = std::ranges::any_of(plan.program.ops, [](const ir::Op& op) {
                    return op.type->id.starts_with("conv2d") && op.attributes.integerOr("groups", 1) == 1;
                });
                EXPECT_EQ(deterministic->planBytes(plan) - planner->planBytes(plan) > (int64_t{31} << 20),
                    convolves)
                    << file << ": a workspace that is always there";
            }
    }
}

#endif

} // namespace gradloom::tests
