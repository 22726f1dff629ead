#include "engine/data/source_type.h"
#include "tests/engine/test_util.h"

#include <filesystem>

/// Data sets from Debian packages. Where a package is missing the test says so and is left out.
namespace gradloom::data {
namespace {

Result<LoadedData> installed(const char* source, const Params& options)
{
    return loadData(source, options, {});
}

constexpr const char* vegaFolder = "/usr/lib/python3/dist-packages/vega_datasets/_data/";

TEST(InstalledData, cars)
{
    const auto cars = installed(
        "csv", {{"file", std::string(vegaFolder) + "cars.json"}, {"target", std::string("Miles_per_Gallon")},
                   {"columns", std::string("Year:date")}});
    if (!cars && cars.error().code == ErrorCode::NotFound)
        GTEST_SKIP() << cars.error().message;
    ASSERT_TRUE(test::succeeded(cars));
    EXPECT_EQ(cars->sampleShape(), Shape{9});
    EXPECT_EQ(cars->training->count() + cars->test->count(), 392); // of 406, the others have gaps
    EXPECT_NEAR(cars->targets[0].mean[0], 23.4, 1);
}

TEST(InstalledData, weather)
{
    const auto weather =
        installed("series", {{"file", std::string(vegaFolder) + "seattle-weather.csv"},
                                {"column", std::string("temp_max")}, {"window", int64_t{30}}});
    if (!weather && weather.error().code == ErrorCode::NotFound)
        GTEST_SKIP() << weather.error().message;
    ASSERT_TRUE(test::succeeded(weather));
    EXPECT_EQ(weather->sampleShape(), (Shape{30, 1}));
    EXPECT_EQ(weather->training->count() + weather->test->count(), 1461 - 30 - 30 + 30);
}

TEST(InstalledData, words)
{
    const auto words = installed("words", {});
    if (!words && words.error().code == ErrorCode::NotFound)
        GTEST_SKIP() << words.error().message;
    ASSERT_TRUE(test::succeeded(words));
    EXPECT_EQ(words->training->count(), 20000);
    EXPECT_EQ(words->classCount(), 5);
    EXPECT_LT(words->vocabulary.size(), 100u);
}

} // namespace
} // namespace gradloom::data
