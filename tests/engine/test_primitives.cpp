#include "tests/engine/primitive_harness.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradloom::tests {
namespace {

using ir::noValue;
using ir::ValueId;

std::unique_ptr<backend::Backend> cpu()
{
    return backend::open("cpu", {2}).value();
}

class EveryPrimitive : public testing::TestWithParam<Case>
{
};

TEST_P(EveryPrimitive, WritesEveryElement)
{
    Harness harness(GetParam(), cpu());
    harness.randomize(3);
    harness.run();
    for (ValueId id : harness.results()) {
        const Tensor result = harness.read(id);
        if (result.dtype() != DType::F32)
            continue;
        for (float x : result.floats())
            ASSERT_TRUE(std::isfinite(x));
    }
}

/// Largest difference of the gradients to central differences; see test_layer_registry.cpp on why several seeds.
double worstDeviation(Harness& harness, uint64_t seed)
{
    harness.randomize(seed);
    harness.run();
    std::vector<Tensor> gradients;
    for (ValueId id : harness.gradients())
        gradients.push_back(id == noValue ? Tensor() : harness.read(id));
    double worst = 0;
    Random random(seed + 50);
    constexpr float step = 2e-3F;
    for (size_t l = 0; l < harness.gradients().size(); ++l) {
        const ValueId leaf = harness.leaves()[l];
        const Tensor original = harness.contents(leaf);
        for (int trial = 0; trial < 10; ++trial) {
            const auto i = random.below(static_cast<uint32_t>(original.elements()));
            double side[2];
            for (int sign = 0; sign < 2; ++sign) {
                Tensor moved = original;
                moved.floats()[i] += sign ? step : -step;
                harness.set(leaf, moved);
                harness.run();
                side[sign] = harness.loss();
            }
            harness.set(leaf, original);
            const double numeric = (side[1] - side[0]) / (2.0 * step);
            const double analytic = gradients[l].empty() ? 0 : gradients[l].floats()[i];
            worst = std::max(worst, std::abs(numeric - analytic) / std::max(1.0, std::abs(numeric)));
        }
    }
    return worst;
}

TEST_P(EveryPrimitive, AdjointAgreesWithCentralDifferences)
{
    // Steps and masks jump, and second derivatives of masks are not asked for: these have no adjoint by design.
    static const std::set<std::string> constant{"step", "sign", "greater", "equal", "leaky_relu_gradient", "elu_gradient",
        "tanh_gradient", "sigmoid_gradient", "relu_gradient"};
    const std::string base = GetParam().name.substr(0, GetParam().name.find("_row"));
    const std::string fn = base.substr(0, base.find("_scalar") == 0 ? base.size() : base.find("_scalar"));
    const bool pointwise = GetParam().op == "unary" || GetParam().op == "binary";
    if (pointwise && constant.contains(fn))
        return;
    Harness harness(GetParam(), cpu());
    double best = INFINITY;
    for (uint64_t seed = 1; seed <= 4 && !(best < 4e-3); ++seed)
        best = std::min(best, worstDeviation(harness, seed));
    EXPECT_LT(best, 4e-3);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryPrimitive, testing::ValuesIn(primitiveCases()), [](const auto& info) {
    return info.param.op + (info.param.name.empty() ? "" : "_" + info.param.name) + "_" + std::to_string(info.index);
});

TEST(PrimitiveRegistry, EveryPrimitiveIsExplainedAndChecked)
{
    std::set<std::string> checked;
    for (const Case& c : primitiveCases())
        checked.insert(c.op);
    // Reached through the adjoints of the others and through fusion.
    const std::set<std::string> reached{"max_pool2d_backward", "batch_norm_backward", "softmax_backward",
        "softmax_cross_entropy_backward", "pointwise", "pointwise_rows", "rnn_backward", "lstm_backward", "gru_backward",
        "group_norm_backward", "attention_backward"};
    for (const auto& type : ir::opTypes().all()) {
        EXPECT_FALSE(type.help.empty()) << type.id;
        EXPECT_TRUE(checked.contains(type.id) || reached.contains(type.id)) << type.id << " has no case";
    }
}

/// What `gradloom-cli plan` shows. Only sparse updates become pointwise_rows, see RandomInputs.
TEST(PrimitiveRegistry, EveryPrimitiveNamesItsKernelOnTheCpu)
{
    std::set<std::string> named;
    for (const Case& c : primitiveCases()) {
        const Harness harness(c, cpu());
        const auto kernels = harness.kernels();
        const auto& ops = harness.plan().program.ops;
        ASSERT_EQ(kernels.size(), ops.size());
        for (size_t i = 0; i < ops.size(); ++i) {
            EXPECT_TRUE(ops[i].type->alias || !kernels[i].empty()) << ops[i].type->id << " in " << c.op;
            named.insert(ops[i].type->id);
        }
    }
    for (const auto& type : ir::opTypes().all())
        EXPECT_TRUE(type.alias || named.contains(type.id) || type.id == "pointwise_rows") << type.id;
}

} // namespace
} // namespace gradloom::tests
