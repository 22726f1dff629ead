#include "engine/project/project.h"
#include "source_dir.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"

#include <algorithm>
#include <cmath>

/// Every project in projects/ is loaded, saved, and trained for two steps with its own data.
namespace gradloom {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sampleProjects()
{
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(GRADLOOM_SOURCE_DIR) / "projects"))
        if (entry.path().extension() == ".json")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

class SampleProject : public testing::TestWithParam<fs::path>
{
};

TEST_P(SampleProject, IsSavedAsItIsAndTrains)
{
    auto project = project::loadProject(GetParam());
    ASSERT_TRUE(test::succeeded(project));
    EXPECT_FALSE(project->description.empty());
    EXPECT_FALSE(project->expected.empty());
    const test::TempFolder folder;
    ASSERT_TRUE(test::succeeded(project::saveProject(*project, folder / "again.gradloom.json")));
    const auto again = project::loadProject(folder / "again.gradloom.json");
    ASSERT_TRUE(test::succeeded(again));
    EXPECT_TRUE(*again == *project);

    // What is checked is that it trains; judging thousands of samples after two steps says nothing.
    project->training.validationShare = std::min(project->training.validationShare, 0.01);
    auto data = train::loadRunData(*project, {{}, GetParam().parent_path()});
    if (!data && data.error().code == ErrorCode::NotFound)
        GTEST_SKIP() << "not trained: " << data.error().message;
    ASSERT_TRUE(test::succeeded(data));
    train::SessionOptions options;
    options.data = std::make_shared<const train::RunData>(std::move(*data));
    options.maxSteps = 2;
    const train::SessionResult result = train_test::trained(*project, options);
    ASSERT_FALSE(result.error) << result.error->message;
    EXPECT_EQ(result.steps, 2);
    ASSERT_FALSE(result.epochs.empty());
    EXPECT_TRUE(std::isfinite(result.epochs.back().trainLoss));
}

INSTANTIATE_TEST_SUITE_P(Projects, SampleProject, testing::ValuesIn(sampleProjects()), [](const auto& info) {
    std::string name = info.param.filename().string();
    return name.substr(0, name.find('.'));
});

} // namespace
} // namespace gradloom
