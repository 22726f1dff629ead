#include "engine/ir/builder.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"

#include <cmath>

using namespace gradloom;
using namespace gradloom::train;

namespace {

/// Weights of one parameter, made as a model would.
Tensor made(const std::string& kind, const Shape& shape, int64_t fanIn, int64_t fanOut, uint64_t seed = 3)
{
    ir::Builder b;
    b.parameter("layer.weight", shape, {kind, fanIn, fanOut}, true);
    return initialWeights(b.program(), seed).at("layer.weight");
}

void statistics(const Tensor& tensor, double& mean, double& deviation, double& highest)
{
    mean = deviation = highest = 0;
    for (const float value : tensor.floats()) {
        mean += value;
        highest = std::max(highest, static_cast<double>(std::abs(value)));
    }
    mean /= static_cast<double>(tensor.elements());
    for (const float value : tensor.floats())
        deviation += (value - mean) * (value - mean);
    deviation = std::sqrt(deviation / static_cast<double>(tensor.elements()));
}

} // namespace

TEST(TrainModel, InitialWeightsHaveTheSpreadOfTheirPapers)
{
    const Shape shape{300, 200};
    const struct
    {
        const char* kind;
        double deviation;
        double limit; ///< 0: none
    } cases[] = {{"glorot_uniform", std::sqrt(2.0 / 500), std::sqrt(6.0 / 500)},
        {"glorot_normal", std::sqrt(2.0 / 500), 0},
        {"he_uniform", std::sqrt(2.0 / 300), std::sqrt(6.0 / 300)}, {"he_normal", std::sqrt(2.0 / 300), 0}};
    for (const auto& test : cases) {
        double mean = 0, deviation = 0, highest = 0;
        statistics(made(test.kind, shape, 300, 200), mean, deviation, highest);
        EXPECT_NEAR(mean, 0, 4 * test.deviation / std::sqrt(60000.0)) << test.kind;
        EXPECT_NEAR(deviation, test.deviation, 0.02 * test.deviation) << test.kind;
        if (test.limit > 0) {
            EXPECT_LE(highest, test.limit * 1.000001) << test.kind;
        }
    }
    const Tensor ones = made("ones", Shape{5}, 1, 1);
    for (const float value : ones.floats())
        EXPECT_EQ(value, 1.0f);
    const Tensor zeros = made("zeros", Shape{5}, 1, 1);
    for (const float value : zeros.floats())
        EXPECT_EQ(value, 0.0f);
}

TEST(TrainModel, OrthogonalWeights)
{
    for (const Shape& shape : {Shape{20, 8}, Shape{8, 20}, Shape{3, 3, 2, 10}}) {
        const Tensor tensor = made("orthogonal", shape, 1, 1);
        const int64_t cols = shape[-1];
        const int64_t rows = shape.elements() / cols;
        const auto at = [&](int64_t r, int64_t c) {
            return tensor.floats()[static_cast<size_t>(r * cols + c)];
        };
        const bool tall = rows >= cols;
        for (int64_t a = 0; a < std::min(rows, cols); ++a)
            for (int64_t b = 0; b < std::min(rows, cols); ++b) {
                double dot = 0;
                for (int64_t k = 0; k < std::max(rows, cols); ++k)
                    dot += tall ? at(k, a) * at(k, b) : at(a, k) * at(b, k);
                EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-5);
            }
    }
}

TEST(TrainModel, AnotherLayerLeavesTheOthersAsTheyWere)
{
    const auto before = train_test::modelOf(train_test::smallCnn())->weights();
    graph::Graph larger = train_test::smallCnn();
    larger.nodes.insert(larger.nodes.begin() + 3, train_test::node("norm", "batch_norm"));
    larger.edges.clear();
    for (size_t i = 1; i < larger.nodes.size(); ++i)
        larger.edges.push_back({larger.nodes[i - 1].id, 0, larger.nodes[i].id, 0});
    auto model = train_test::modelOf(larger);
    ASSERT_TRUE(model);
    const auto after = model->weights();
    EXPECT_GT(after.size(), before.size());
    for (const auto& [name, tensor] : before) {
        ASSERT_TRUE(after.contains(name)) << name;
        EXPECT_EQ(std::memcmp(after.at(name).data(), tensor.data(), static_cast<size_t>(tensor.bytes())), 0)
            << name;
    }
    EXPECT_FALSE(train_test::sameBits(before, train_test::modelOf(train_test::smallCnn(), 8)->weights()));
}

TEST(TrainModel, WeightsGoInAndOutByName)
{
    auto a = train_test::modelOf(train_test::smallCnn(), 1);
    auto b = train_test::modelOf(train_test::smallCnn(), 2);
    ASSERT_FALSE(train_test::sameBits(a->weights(), b->weights()));
    ASSERT_TRUE(b->setWeights(a->weights()).ok());
    EXPECT_TRUE(train_test::sameBits(a->weights(), b->weights()));
}

TEST(TrainModel, WeightsThatDoNotFitChangeNothing)
{
    auto model = train_test::modelOf(train_test::smallCnn());
    const Weights before = model->weights();
    Weights changed = before;
    for (auto& [name, tensor] : changed)
        for (float& value : tensor.floats())
            value += 1;
    Weights missing = changed;
    missing.erase("scores.bias");
    Weights misshapen = changed;
    misshapen["scores.bias"] = Tensor(Shape{11});
    Weights extra = changed;
    extra["stranger.weight"] = Tensor(Shape{2});
    for (const auto& [weights, name] :
        {std::pair{missing, "scores.bias"}, {misshapen, "scores.bias"}, {extra, "stranger.weight"}}) {
        const Status status = model->setWeights(weights);
        ASSERT_FALSE(status.ok());
        EXPECT_NE(status.error().message.find(name), std::string::npos) << status.error().message;
        EXPECT_TRUE(train_test::sameBits(model->weights(), before));
    }
    const test::TempFolder folder;
    const Status absent = model->loadWeights(folder / "no.safetensors");
    ASSERT_FALSE(absent.ok());
    EXPECT_NE(absent.error().message.find("no.safetensors"), std::string::npos);
}
