#include "engine/data/preprocess.h"
#include "engine/data/source_type.h"
#include "tests/engine/test_util.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;

LoadedData smallShapes(int64_t seed = 1, int64_t training = 240)
{
    return loadData("shapes", {{"training", training}, {"test", int64_t{50}}, {"seed", seed}}, {}).value();
}

bool equalBytes(const Tensor& a, const Tensor& b)
{
    return a.type() == b.type() && std::equal(a.data(), a.data() + a.bytes(), b.data());
}

TEST(Sources, haveHelpAndTitles)
{
    for (const auto& type : sourceTypes().all()) {
        EXPECT_FALSE(type.title.empty());
        EXPECT_FALSE(type.help.empty());
        for (const auto& parameter : type.parameters)
            EXPECT_FALSE(parameter.help.empty()) << type.id << " " << parameter.key;
    }
}

TEST(Shapes, areDeterministicBalancedAndDistinct)
{
    const auto first = smallShapes();
    const auto second = smallShapes();
    EXPECT_TRUE(equalBytes(first.training->samples, second.training->samples));
    EXPECT_FALSE(equalBytes(first.training->samples, smallShapes(2).training->samples));
    EXPECT_EQ(first.sampleShape(), (Shape{28, 28, 1}));
    EXPECT_EQ(first.classCount(), 10);
    const auto labels = first.training->targets[0].as<int32_t>();
    for (int32_t label = 0; label < 10; ++label)
        EXPECT_EQ(std::count(labels.begin(), labels.end(), label), 24);
    std::set<std::string> different;
    for (int64_t i = 0; i < first.training->count(); ++i) {
        const Tensor sample = first.training->sample(i);
        different.emplace(reinterpret_cast<const char*>(sample.data()), static_cast<size_t>(sample.bytes()));
    }
    EXPECT_EQ(different.size(), 240u);
}

TEST(Shapes, testPartDoesNotDependOnTheTrainingCount)
{
    EXPECT_TRUE(equalBytes(smallShapes(1, 20).test->samples, smallShapes(1, 50).test->samples));
}

/// Every kind is a shape of its own: without noise, bright pixels cover a part of each picture, neither all
/// nor none.
TEST(Shapes, everyPictureShowsSomething)
{
    const auto data =
        loadData("shapes", {{"training", int64_t{200}}, {"noise", 0.0}, {"size", int64_t{40}}}, {}).value();
    for (int64_t i = 0; i < data.training->count(); ++i) {
        const Tensor sample = data.training->sample(i);
        const auto pixels = sample.as<uint8_t>();
        const auto [low, high] = std::minmax_element(pixels.begin(), pixels.end());
        const int middle = (*low + *high) / 2;
        const auto bright =
            std::count_if(pixels.begin(), pixels.end(), [&](uint8_t v) { return v > middle; });
        EXPECT_GT(*high - *low, 40) << i;
        EXPECT_GT(bright, 30) << i;
        EXPECT_LT(bright, 1100) << i;
    }
}

TEST(Shapes, optionsAreChecked)
{
    EXPECT_TRUE(failsWith(loadData("shapes", {{"size", int64_t{8}}}, {}), {"Size", "between 16 and 64"}));
    EXPECT_TRUE(failsWith(loadData("shapes", {{"noise", std::string("x")}}, {}), {"Noise", "number"}));
}

TEST(Split, holdsOutTheShareAndNothingTwice)
{
    const auto data = smallShapes();
    const auto split = splitData(data, 1.0 / 12, 7).value();
    EXPECT_EQ(split.validation.count(), 20);
    EXPECT_EQ(split.training.count(), 220);
    EXPECT_EQ(split.test.count(), 50);
    std::set<int64_t> all(split.training.indices.begin(), split.training.indices.end());
    all.insert(split.validation.indices.begin(), split.validation.indices.end());
    EXPECT_EQ(all.size(), 240u);
    EXPECT_TRUE(std::is_sorted(split.training.indices.begin(), split.training.indices.end()));
    EXPECT_EQ(splitData(data, 1.0 / 12, 7)->validation.indices, split.validation.indices);
    EXPECT_NE(splitData(data, 1.0 / 12, 8)->validation.indices, split.validation.indices);
}

TEST(Split, edges)
{
    const auto data = smallShapes(1, 10);
    EXPECT_TRUE(splitData(data, 0, 1)->validation.empty());
    EXPECT_EQ(splitData(data, 1e-9, 1)->validation.count(), 1);
    EXPECT_TRUE(failsWith(splitData(data, 0.99, 1), {"leaves none"}));
    EXPECT_TRUE(failsWith(splitData(data, 1, 1), {"below 1"}));
    EXPECT_TRUE(failsWith(splitData(data, -0.1, 1), {"at least 0"}));
}

TEST(Split, orderIsAPermutationOfSeedAndEpoch)
{
    std::vector<int64_t> a(100), b(100), sorted(100);
    shuffledOrder(a, 5, 0);
    shuffledOrder(b, 5, 0);
    EXPECT_EQ(a, b);
    shuffledOrder(b, 5, 1);
    EXPECT_NE(a, b);
    std::iota(sorted.begin(), sorted.end(), int64_t{0});
    EXPECT_TRUE(std::is_permutation(a.begin(), a.end(), sorted.begin()));
    EXPECT_NE(a, sorted);
}

TEST(LoadedDataCheck, findsEveryContradiction)
{
    const auto good = smallShapes(1, 20);
    EXPECT_TRUE(succeeded(checkLoadedData(good, "x")));
    auto wrong = good;
    wrong.targets[0].names.resize(5);
    EXPECT_TRUE(failsWith(checkLoadedData(wrong, "x"), {"x: the training part", "label 5 at sample 5"}));
    wrong = good;
    wrong.test = nullptr;
    EXPECT_TRUE(failsWith(checkLoadedData(wrong, "x"), {"test part", "no samples"}));
    auto part = std::make_shared<Dataset>(*good.test);
    part->targets[0] = Tensor(Shape{3}, DType::I32);
    wrong.test = part;
    EXPECT_TRUE(failsWith(checkLoadedData(wrong, "x"), {"50 samples", "\"shape\"", "needs one"}));
    part = std::make_shared<Dataset>(*good.test);
    part->samples = Tensor(Shape{50, 28, 28, 3}, DType::U8);
    wrong.test = part;
    EXPECT_TRUE(failsWith(checkLoadedData(wrong, "x"), {"28×28×1", "28×28×3"}));
}

Params preprocessing(bool scale, bool standardise)
{
    return completeParams(preprocessParameters(), {{"scale", scale}, {"standardise", standardise}}, "x")
        .value();
}

TEST(Preprocess, scalesBytes)
{
    const auto data = smallShapes(1, 20);
    const auto preprocess =
        makePreprocess(preprocessing(true, false), wholePart(data.training), data.valueMaximum);
    std::vector<float> out(784);
    applyPreprocess(preprocess, *data.training, 3, out);
    const Tensor sample = data.training->sample(3);
    for (size_t i = 0; i < out.size(); ++i)
        ASSERT_FLOAT_EQ(out[i], static_cast<float>(sample.as<uint8_t>()[i]) / 255);
    std::vector<float> again(784);
    applyPreprocess(preprocess, sample, again);
    EXPECT_EQ(out, again);
}

TEST(Preprocess, standardisesEachChannelOfTheTrainingPart)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{3, 1, 2, 2}, DType::F32);
    const float values[] = {1, 10, 3, 10, 5, 10, 7, 10, 1000, -1000, 1000, -1000};
    std::copy(std::begin(values), std::end(values), dataset->samples.floats().begin());
    DataPart part{dataset, {0, 1}};
    const auto preprocess = makePreprocess(preprocessing(false, true), part, 1);
    EXPECT_EQ(preprocess.mean, (std::vector<float>{4, 10}));
    EXPECT_FLOAT_EQ(preprocess.deviation[0], std::sqrt(5.0f));
    EXPECT_EQ(preprocess.deviation[1], 1); // a channel without change
    std::vector<float> out(4);
    applyPreprocess(preprocess, *dataset, 1, out);
    EXPECT_FLOAT_EQ(out[0], 1 / std::sqrt(5.0f));
    EXPECT_FLOAT_EQ(out[1], 0);
}

} // namespace
} // namespace gradloom::data
