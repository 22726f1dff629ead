#include "layer_harness.h"

#include "engine/base/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace gradloom::tests {
namespace {

struct Case
{
    const layers::LayerType* type;
    size_t sample;
};

std::vector<Case> allCases()
{
    std::vector<Case> cases;
    for (const auto& type : layers::layerTypes().all())
        for (size_t i = 0; i < type.samples.size(); ++i)
            cases.push_back({&type, i});
    return cases;
}

void PrintTo(const Case& c, std::ostream* out)
{
    *out << c.type->id << " sample " << c.sample;
}

class EveryLayer : public testing::TestWithParam<Case>
{
protected:
    const layers::LayerType& type() const { return *GetParam().type; }
    const layers::Sample& sample() const { return GetParam().type->samples[GetParam().sample]; }
};

TEST_P(EveryLayer, ResultsHaveTheInferredShapeAndAreWritten)
{
    for (const bool training : {false, true}) {
        LayerHarness harness(type(), sample(), training);
        harness.randomize(7);
        harness.run();
        for (size_t i = 0; i < harness.inferred().size(); ++i) {
            const Tensor result = harness.read(harness.results()[i]);
            EXPECT_EQ(result.shape(), harness.inferred()[i].shape.prepended(LayerHarness::batch));
            EXPECT_EQ(result.dtype(), harness.inferred()[i].dtype);
        }
        for (ir::ValueId id : harness.results()) {
            const Tensor result = harness.read(id);
            if (result.dtype() != DType::F32)
                continue;
            for (float x : result.floats())
                ASSERT_TRUE(std::isfinite(x)) << "a result element was not written";
        }
    }
}

/// Central differences on some elements of every leaf. A ReLU or maximum between the two sides makes a difference wrong
/// now and then, so one seed of three must agree everywhere.
double worstDeviation(LayerHarness& harness, uint64_t seed)
{
    harness.randomize(seed);
    harness.run();
    std::vector<Tensor> gradients;
    for (const auto& leaf : harness.leaves())
        gradients.push_back(leaf.gradient == ir::noValue ? Tensor() : harness.read(leaf.gradient));
    double worst = 0;
    Random random(seed + 100);
    constexpr float step = 2e-3F;
    for (size_t l = 0; l < harness.leaves().size(); ++l) {
        const auto& leaf = harness.leaves()[l];
        const Tensor original = harness.get(leaf.value);
        double scale = 1;
        if (!gradients[l].empty())
            for (float g : gradients[l].floats())
                scale = std::max(scale, std::abs(static_cast<double>(g)));
        for (int trial = 0; trial < 12; ++trial) {
            const auto i = random.below(static_cast<uint32_t>(original.elements()));
            double side[2];
            for (int sign = 0; sign < 2; ++sign) {
                Tensor moved = original;
                moved.floats()[i] += sign ? step : -step;
                harness.set(leaf.value, moved);
                harness.run();
                side[sign] = harness.loss();
            }
            harness.set(leaf.value, original);
            const double numeric = (side[1] - side[0]) / (2.0 * step);
            const double analytic = gradients[l].empty() ? 0 : gradients[l].floats()[i];
            worst = std::max(worst, std::abs(numeric - analytic) / scale);
        }
    }
    return worst;
}

TEST_P(EveryLayer, GradientsAgreeWithCentralDifferences)
{
    for (const bool training : {false, true}) {
        LayerHarness harness(type(), sample(), training);
        double best = INFINITY;
        for (uint64_t seed = 1; seed <= 3 && !(best < 4e-3); ++seed)
            best = std::min(best, worstDeviation(harness, seed));
        EXPECT_LT(best, 4e-3) << (training ? "training" : "inference");
    }
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryLayer, testing::ValuesIn(allCases()), [](const auto& info) {
    return info.param.type->id + "_" + std::to_string(info.param.sample);
});

TEST(LayerRegistry, EveryLayerExplainsItself)
{
    std::set<std::string> categories;
    for (const auto& category : layers::layerCategories())
        categories.insert(category.id);
    for (const auto& type : layers::layerTypes().all()) {
        EXPECT_FALSE(type.title.empty()) << type.id;
        EXPECT_FALSE(type.help.empty()) << type.id;
        EXPECT_FALSE(type.formula.empty()) << type.id;
        EXPECT_FALSE(type.samples.empty()) << type.id;
        EXPECT_TRUE(categories.contains(type.category)) << type.id << " is in " << type.category;
        EXPECT_TRUE(type.infer && type.lower && type.summary) << type.id;
        for (const auto& spec : type.parameters) {
            EXPECT_FALSE(spec.title.empty() || spec.help.empty()) << type.id << "." << spec.key;
            EXPECT_TRUE(checkParam(spec, spec.defaultValue, type.id)) << type.id << "." << spec.key;
        }
        EXPECT_NO_THROW(type.summary(completeParams(type.parameters, {}, type.id).value())) << type.id;
    }
}

} // namespace
} // namespace gradloom::tests
