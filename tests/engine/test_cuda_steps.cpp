#include "engine/project/project.h"
#include "source_dir.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/engine/step_losses.h"
#include "tests/engine/test_util.h"

#include <cmath>

/// Whole training steps by the operations of the GPU: fused chains, memory plan, optimizer.
namespace gradloom {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> benchmarkModels()
{
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(GRADLOOM_SOURCE_DIR) / "tests/bench/models"))
        if (entry.path().filename().string().ends_with(".gradloom.json"))
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

class CudaStep : public testing::TestWithParam<fs::path>
{
};

TEST_P(CudaStep, GivesTheLossesOfTheCpu)
{
    const auto project = project::loadProject(GetParam());
    ASSERT_TRUE(test::succeeded(project));
    const auto expected = tests::stepLosses(project->graph, backend::open("cpu", {2}).value());
    const auto actual = tests::stepLosses(project->graph, tests::openEmulatedCuda());
    for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(actual[i], expected[i], 1e-4F * (1 + std::abs(expected[i]))) << "step " << i;
}

INSTANTIATE_TEST_SUITE_P(Benchmarks, CudaStep, testing::ValuesIn(benchmarkModels()), [](const auto& info) {
    const std::string name = info.param.filename().string();
    return name.substr(0, name.find('.'));
});

} // namespace
} // namespace gradloom
