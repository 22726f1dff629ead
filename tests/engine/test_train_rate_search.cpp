#include "engine/train/rate_search.h"
#include "source_dir.h"
#include "tests/engine/train_test_util.h"

#include <cmath>

using namespace gradloom;
using namespace gradloom::train;

TEST(TrainRateSearch, SuggestsWhereTheLossFallsFastest)
{
    // A loss that falls along tanh of the rate's logarithm, fastest at 1e-3, and rises from 0.3 on.
    RateSearch search;
    for (int i = 0; i <= 80; ++i) {
        const double rate = std::pow(10.0, -7 + 0.1 * i);
        const double loss = 2 - std::tanh(std::log(rate / 1e-3)) + 3 * std::max(0.0, std::log(rate / 0.3));
        search.points.push_back({rate, loss, loss});
    }
    suggestRate(search);
    ASSERT_TRUE(search.suggestion);
    EXPECT_NEAR(std::log10(*search.suggestion), -3, 1e-9);
    EXPECT_GT(*search.lowest, 0.1);
    EXPECT_LT(*search.lowest, 0.4);

    for (auto& point : search.points)
        point.smoothed = point.rate; // only rises
    suggestRate(search);
    EXPECT_FALSE(search.suggestion);
    search.points.resize(5);
    suggestRate(search);
    EXPECT_FALSE(search.suggestion);
}

TEST(TrainRateSearch, GrowsTheRateUntilTheLossLeaves)
{
    auto project = train_test::smallProject();
    project.training.optimizer = {"sgd", {}};
    const auto data = train_test::dataOf(project);
    RateSearchOptions options;
    options.threads = 2;
    options.lowest = 1e-4;
    options.highest = 1e4;
    options.steps = 121;
    auto search = searchLearningRate(project, *data, options);
    ASSERT_TRUE(search.ok()) << search.error().message;
    ASSERT_GT(search->points.size(), 20u);
    EXPECT_LT(search->points.size(), 121u) << "at rates of thousands nothing can be learned";
    for (size_t i = 1; i < search->points.size(); ++i)
        EXPECT_NEAR(search->points[i].rate / search->points[i - 1].rate, std::pow(1e8, 1.0 / 120), 1e-9);
    ASSERT_TRUE(search->suggestion);
    EXPECT_GT(*search->suggestion, 1e-3);
    EXPECT_LT(*search->suggestion, 10);
    auto again = searchLearningRate(project, *data, options);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->points.back().loss, search->points.back().loss);
}

TEST(TrainRateSearch, WrongRangesAndStops)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    RateSearchOptions options;
    options.lowest = 1;
    options.highest = 0.1;
    EXPECT_NE(
        searchLearningRate(project, *data, options).error().message.find("from 1 to 0.1"), std::string::npos);
    options.lowest = 0.01;
    options.steps = 3;
    EXPECT_NE(
        searchLearningRate(project, *data, options).error().message.find("at least 10"), std::string::npos);
    options.steps = 50;
    options.cancelled = [] { return true; };
    EXPECT_FALSE(searchLearningRate(project, *data, options).ok());
}

TEST(TrainRateSearch, AGanHasNoLossThatFalls)
{
    auto project = project::loadProject(GRADLOOM_SOURCE_DIR "/projects/fashion_dcgan.gradloom.json");
    ASSERT_TRUE(project.ok()) << project.error().message;
    const auto data = train_test::dataOf(train_test::smallProject()); // refused before it is looked at
    EXPECT_NE(
        searchLearningRate(*project, *data, {}).error().message.find("A GAN's losses"), std::string::npos);
}
