#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/ir/builder.h"
#include "engine/ir/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace gradloom::tests {
namespace {

using ir::noValue;
using ir::ValueId;

/// One primitive with operands and options to check it on.
struct Case
{
    std::string op;
    std::vector<TensorType> inputs; ///< rank 0 and U8 stands for an absent operand
    Params attributes;
    std::string name;
    float low = -2;
    float high = 2;
    std::set<size_t> constant{}; ///< float operands without a gradient
};

TensorType f(Shape shape)
{
    return {shape, DType::F32};
}

const TensorType absent{Shape(), DType::U8};

std::vector<int64_t> list(std::initializer_list<int64_t> values)
{
    return values;
}

std::vector<Case> pointwiseCases()
{
    std::vector<Case> cases;
    const std::set<std::string_view> positive{"sqrt", "rsqrt", "log", "power", "reciprocal"};
    for (const auto& function : ir::pointwiseFunctions()) {
        const std::string fn(function.name);
        const Params attributes{{"fn", fn}, {"alpha", function.hasAlpha ? 0.7 : 0.0}};
        if (function.operands == 1) {
            const bool above = positive.contains(function.name);
            cases.push_back({"unary", {f({3, 37})}, attributes, fn, above ? 0.5F : -2.0F, 2.0F});
            continue;
        }
        const float low = fn == "div" ? 0.5F : -2.0F;
        cases.push_back({"binary", {f({3, 37}), f({3, 37})}, attributes, fn, low, 2.0F});
        cases.push_back({"binary", {f({4, 3, 17}), f({17})}, attributes, fn + "_row", low, 2.0F});
        cases.push_back({"binary", {f({1}), f({5, 7})}, attributes, fn + "_scalar", low, 2.0F});
    }
    return cases;
}

std::vector<Case> convolutionCases()
{
    const auto attributes = [](std::vector<int64_t> stride, std::vector<int64_t> padding, std::vector<int64_t> dilation,
                                int64_t groups) {
        return Params{{"stride", stride}, {"padding", padding}, {"dilation", dilation}, {"groups", groups}};
    };
    std::vector<Case> cases;
    const auto both = [&](Params base, Shape x, Shape w, Shape y, const std::string& name) {
        Params relu = base;
        relu.set("activation", std::string("relu"));
        cases.push_back({"conv2d", {f(x), f(w), f({w[3]})}, relu, name + "_relu"});
        cases.push_back({"conv2d", {f(x), f(w), absent}, base, name});
        Params transposed = base;
        transposed.set("output", list({x[1], x[2]}));
        cases.push_back({"conv2d_transpose", {f(y), f(w), f({x[3]})}, transposed, name});
        Params weights = base;
        weights.set("kernel", list({w[0], w[1]}));
        cases.push_back({"conv2d_weights_gradient", {f(x), f(y)}, weights, name});
    };
    both(attributes({1, 1}, {0, 0, 0, 0}, {1, 1}, 1), {2, 5, 6, 3}, {3, 3, 3, 5}, {2, 3, 4, 5}, "valid");
    both(attributes({2, 2}, {1, 1, 1, 1}, {1, 1}, 1), {2, 6, 5, 2}, {3, 3, 2, 4}, {2, 3, 3, 4}, "strided");
    both(attributes({1, 1}, {2, 1, 2, 1}, {2, 1}, 2), {1, 5, 5, 4}, {3, 3, 2, 6}, {1, 5, 5, 6}, "dilated_groups");
    return cases;
}

std::vector<Case> poolingCases()
{
    const Params pool{{"kernel", list({2, 3})}, {"stride", list({2, 2})}, {"padding", list({0, 1, 1, 0})}};
    Params back = pool;
    back.set("output", list({5, 6}));
    return {{"max_pool2d", {f({2, 5, 6, 3})}, pool, ""}, {"avg_pool2d", {f({2, 5, 6, 3})}, pool, ""},
        {"avg_pool2d_backward", {f({2, 3, 3, 3})}, back, ""}};
}

std::vector<Case> recurrentCases()
{
    std::vector<Case> cases;
    const auto both = [&](const std::string& op, int64_t gates, bool cell, Params attributes, const std::string& name) {
        const Shape bias = op == "gru" ? Shape{2, gates * 5} : Shape{gates * 5};
        std::vector<TensorType> all{f({3, 4, 2}), f({2, gates * 5}), f({5, gates * 5}), f(bias), f({3, 5}), f({3, 4}),
            f({3, 5})};
        std::vector<TensorType> few{all[0], all[1], all[2], absent, absent, absent, absent};
        if (cell) {
            all.push_back(f({3, 5}));
            few.push_back(absent);
        }
        attributes.set("reverse", false);
        cases.push_back({op, few, attributes, name + "few", -1, 1, {}});
        attributes.set("reverse", true);
        cases.push_back({op, all, attributes, name + "all_reverse", -1, 1, {6}});
    };
    both("rnn", 1, false, {{"activation", std::string("tanh")}}, "tanh_");
    both("rnn", 1, false, {{"activation", std::string("relu")}}, "relu_");
    both("lstm", 4, true, {}, "");
    both("gru", 3, false, {}, "");
    return cases;
}

std::vector<Case> resizeCases()
{
    const auto options = [](const char* mode, int64_t height, int64_t width) {
        return Params{{"mode", std::string(mode)}, {"output", list({height, width})}};
    };
    return {{"resize", {f({2, 3, 4, 5})}, options("nearest", 7, 4), "nearest"},
        {"resize", {f({2, 3, 4, 5})}, options("bilinear", 5, 9), "bilinear"},
        {"resize", {f({1, 6, 5, 3})}, options("bilinear", 2, 3), "smaller"},
        {"resize_backward", {f({2, 7, 4, 3})}, options("nearest", 3, 4), "nearest"},
        {"resize_backward", {f({2, 5, 9, 3})}, options("bilinear", 3, 4), "bilinear"}};
}

std::vector<Case> otherCases()
{
    const TensorType labels{Shape{4}, DType::I32};
    const TensorType counter{Shape{4}, DType::I32};
    const Params plain{{"trans_a", false}, {"trans_b", false}};
    return {
        {"gemm", {f({5, 7}), f({7, 9}), f({9})}, plain, "plain"},
        {"gemm", {f({7, 5}), f({7, 9}), absent}, {{"trans_a", true}, {"trans_b", false}}, "trans_a"},
        {"gemm", {f({5, 7}), f({9, 7}), f({9})},
            {{"trans_a", false}, {"trans_b", true}, {"activation", std::string("relu")}}, "trans_b_relu"},
        {"gemm", {f({7, 5}), f({9, 7}), absent}, {{"trans_a", true}, {"trans_b", true}}, "trans_ab"},
        {"reduce", {f({3, 4, 5})}, {{"fn", std::string("sum")}, {"axes", list({1})}, {"keep_dims", true}}, "sum"},
        {"reduce", {f({3, 4, 5})}, {{"fn", std::string("mean")}, {"axes", list({0, 1})}, {"keep_dims", false}}, "mean"},
        {"reduce", {f({3, 4, 5})}, {{"fn", std::string("max")}, {"axes", list({2})}, {"keep_dims", false}}, "max"},
        {"broadcast", {f({3, 1, 5})}, {{"shape", list({2, 3, 4, 5})}}, ""},
        {"reshape", {f({3, 4})}, {{"shape", list({2, 6})}}, ""},
        {"transpose", {f({3, 4, 5})}, {{"order", list({2, 0, 1})}}, ""},
        {"slice", {f({4, 5})}, {{"start", list({1, 2})}, {"size", list({2, 3})}}, ""},
        {"pad", {f({2, 3})}, {{"before", list({1, 0})}, {"after", list({2, 1})}}, ""},
        {"concat", {f({2, 3}), f({4, 3})}, {{"axis", int64_t{0}}}, "rows"},
        {"concat", {f({2, 3}), f({2, 1})}, {{"axis", int64_t{1}}}, "columns"},
        {"fill", {}, {{"shape", list({3, 4})}, {"value", 1.5}}, ""},
        {"random_fill", {counter}, {{"shape", list({3, 5})}, {"kind", std::string("normal")}, {"stream", int64_t{7}}},
            "normal"},
        {"random_fill", {counter}, {{"shape", list({3, 5})}, {"kind", std::string("uniform")}, {"stream", int64_t{7}}},
            "uniform"},
        {"batch_norm", {f({2, 3, 3, 4}), f({4}), f({4})}, {{"epsilon", 1e-3}}, ""},
        {"softmax", {f({4, 6})}, {}, ""},
        {"log_softmax", {f({2, 4, 6})}, {}, ""},
        {"softmax_cross_entropy", {f({4, 3}), labels}, {}, ""},
        {"one_hot", {labels}, {{"classes", int64_t{3}}}, ""},
        {"argmax", {f({4, 6})}, {}, ""},
        {"top_k_correct", {f({4, 6}), labels}, {{"k", int64_t{2}}}, ""},
        {"dropout", {f({5, 9}), counter}, {{"rate", 0.4}, {"stream", int64_t{77}}}, ""},
    };
}

std::vector<Case> attentionCases()
{
    const TensorType tokens{Shape{2, 7}, DType::I32}; // 0, 1 or 2
    const TensorType counter{Shape{4}, DType::I32};
    const auto attend = [](int64_t heads, bool causal, double rate) {
        return Params{{"heads", heads}, {"causal", causal}, {"scale", 0.6}, {"rate", rate}, {"stream", int64_t{3}}};
    };
    const auto norm = [](int64_t axis, int64_t groups) {
        return Params{{"axis", axis}, {"groups", groups}, {"epsilon", 1e-3}};
    };
    return {
        {"gather", {f({3, 5}), tokens}, {{"padding", int64_t{-1}}}, "whole"},
        {"gather", {f({2, 17}), tokens}, {{"padding", int64_t{0}}}, "padding_and_outside"},
        {"gather_gradient", {f({2, 7, 5}), tokens}, {{"padding", int64_t{1}}, {"rows", int64_t{4}}}, ""},
        {"attention", {f({2, 5, 6}), f({2, 7, 6}), f({2, 7, 4}), f({2, 7}), absent}, attend(2, false, 0), "masked"},
        {"attention", {f({1, 6, 3}), f({1, 6, 3}), f({1, 6, 2}), absent, absent}, attend(1, true, 0), "causal"},
        {"attention", {f({2, 130, 4}), f({2, 3, 4}), f({2, 3, 4}), absent, counter}, attend(4, false, 0.3), "dropout"},
        {"sinusoid", {}, {{"steps", int64_t{9}}, {"size", int64_t{5}}}, ""},
        {"group_norm", {f({3, 4, 7}), f({7}), f({7})}, norm(2, 1), "layer"},
        {"group_norm", {f({3, 4, 2, 6}), f({6}), absent}, norm(1, 3), "group"},
        {"group_norm", {f({2, 5, 4}), absent, absent}, norm(1, 4), "instance"},
    };
}

std::vector<Case> allCases()
{
    std::vector<Case> cases = pointwiseCases();
    for (auto part : {convolutionCases(), poolingCases(), resizeCases(), recurrentCases(), attentionCases(), otherCases()})
        cases.insert(cases.end(), part.begin(), part.end());
    return cases;
}

void PrintTo(const Case& c, std::ostream* out)
{
    *out << c.op << " " << c.name;
}

/// The primitive with Σ coefficient·result behind it.
class Harness
{
public:
    explicit Harness(const Case& c) : m_case(c)
    {
        for (size_t i = 0; i < c.inputs.size(); ++i)
            m_inputs.push_back(
                c.inputs[i].dtype == DType::U8 ? noValue : m_builder.input("in" + std::to_string(i), c.inputs[i]));
        m_results = m_builder.ops(c.op, m_inputs, c.attributes);
        ValueId total = noValue;
        for (ValueId id : m_results) {
            m_builder.output("result" + std::to_string(id), id);
            if (!scored(id))
                continue;
            m_coefficients.push_back(m_builder.input("c" + std::to_string(id), m_builder.type(id)));
            const ValueId term = m_builder.reduceAll("sum", m_builder.mul(id, m_coefficients.back()));
            total = total == noValue ? term : m_builder.add(total, term);
        }
        std::vector<ValueId> targets;
        for (size_t i = 0; i < m_inputs.size(); ++i)
            if (m_inputs[i] != noValue && m_builder.type(m_inputs[i]).dtype == DType::F32 && !c.constant.contains(i))
                targets.push_back(m_inputs[i]);
        if (total != noValue)
            for (ValueId id : ir::differentiate(m_builder, total, targets)) {
                if (id != noValue)
                    m_builder.output("gradient" + std::to_string(id), id);
                m_gradients.push_back(id);
            }
        m_leaves = targets;
        m_plan = std::make_shared<compile::Plan>(compile::plan(m_builder.program()));
        m_backend = backend::open("cpu", {2}).value();
        m_executable = m_backend->load(m_plan, backend::allocateModel(*m_backend, m_plan->program).value()).value();
    }

    void randomize(uint64_t seed)
    {
        Random random(seed);
        for (ValueId id : m_inputs)
            if (id != noValue)
                fill(id, random, m_case.low, m_case.high);
        for (ValueId id : m_coefficients)
            fill(id, random, -1, 1);
    }

    void set(ValueId id, const Tensor& t)
    {
        m_executable->write(id, {t.data(), static_cast<size_t>(t.bytes())});
        m_contents.insert_or_assign(id, t);
    }

    void run()
    {
        m_executable->poison();
        m_executable->run();
    }

    Tensor read(ValueId id) const
    {
        Tensor t(m_plan->program.typeOf(id).shape, m_plan->program.typeOf(id).dtype);
        m_executable->read(id, {t.data(), static_cast<size_t>(t.bytes())});
        return t;
    }

    double loss() const
    {
        double sum = 0;
        size_t k = 0;
        for (ValueId id : m_results) {
            if (!scored(id))
                continue;
            const Tensor result = read(id);
            const auto coefficient = m_contents.at(m_coefficients[k++]).floats();
            for (size_t i = 0; i < result.floats().size(); ++i)
                sum += static_cast<double>(result.floats()[i]) * coefficient[i];
        }
        return sum;
    }

    const std::vector<ValueId>& results() const { return m_results; }
    const std::vector<ValueId>& leaves() const { return m_leaves; }
    const std::vector<ValueId>& gradients() const { return m_gradients; }
    const Tensor& contents(ValueId id) const { return m_contents.at(id); }

private:
    /// Float results count, but not batch_norm's statistics and what recurrent primitives keep for their adjoint,
    /// which have no gradient by design.
    bool scored(ValueId id) const
    {
        if (m_case.op == "top_k_correct") // counts, which have no derivative
            return false;
        if (m_case.op == "batch_norm" || m_case.op == "group_norm" || m_case.op == "attention")
            return id == m_results[0];
        if (m_case.op == "lstm" || m_case.op == "gru")
            return id != m_results.back();
        return m_builder.type(id).dtype == DType::F32;
    }

    void fill(ValueId id, Random& random, float low, float high)
    {
        const TensorType type = m_plan->program.typeOf(id);
        Tensor t(type.shape, type.dtype);
        if (type.dtype == DType::I32)
            for (int32_t& x : t.as<int32_t>())
                x = static_cast<int32_t>(random.below(3));
        else
            for (float& x : t.floats())
                x = random.uniform(low, high);
        set(id, t);
    }

    Case m_case;
    ir::Builder m_builder;
    std::vector<ValueId> m_inputs, m_results, m_coefficients, m_leaves, m_gradients;
    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Backend> m_backend;
    std::unique_ptr<backend::Executable> m_executable;
    std::map<ValueId, Tensor> m_contents;
};

class EveryPrimitive : public testing::TestWithParam<Case>
{
};

TEST_P(EveryPrimitive, WritesEveryElement)
{
    Harness harness(GetParam());
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
    Harness harness(GetParam());
    double best = INFINITY;
    for (uint64_t seed = 1; seed <= 4 && !(best < 4e-3); ++seed)
        best = std::min(best, worstDeviation(harness, seed));
    EXPECT_LT(best, 4e-3);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryPrimitive, testing::ValuesIn(allCases()), [](const auto& info) {
    return info.param.op + (info.param.name.empty() ? "" : "_" + info.param.name) + "_" + std::to_string(info.index);
});

TEST(PrimitiveRegistry, EveryPrimitiveIsExplainedAndChecked)
{
    std::set<std::string> checked;
    for (const Case& c : allCases())
        checked.insert(c.op);
    // Reached through the adjoints of the others and through fusion.
    const std::set<std::string> reached{"max_pool2d_backward", "batch_norm_backward", "softmax_backward",
        "softmax_cross_entropy_backward", "pointwise", "rnn_backward", "lstm_backward", "gru_backward",
        "group_norm_backward", "attention_backward"};
    for (const auto& type : ir::opTypes().all()) {
        EXPECT_FALSE(type.help.empty()) << type.id;
        EXPECT_TRUE(checked.contains(type.id) || reached.contains(type.id)) << type.id << " has no case";
    }
}

} // namespace
} // namespace gradloom::tests
