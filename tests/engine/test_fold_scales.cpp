#include "engine/backend/backend.h"
#include "engine/base/philox.h"
#include "engine/ir/builder.h"
#include "engine/train/step_program.h"
#include "tests/engine/train_test_util.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradloom::tests {
namespace {

using ir::Builder;
using ir::noValue;
using ir::ValueId;

Params convolution(int64_t stride, int64_t groups)
{
    const std::vector<int64_t> one{1, 1};
    return {{"stride", std::vector<int64_t>{stride, stride}}, {"padding", std::vector<int64_t>{1, 1, 1, 1}},
        {"dilation", one}, {"groups", groups}};
}

Params transposed()
{
    Params params = convolution(2, 1);
    params.set("output", std::vector<int64_t>{14, 14});
    return params;
}

struct Product
{
    const char* name;
    const char* op;
    Shape x, w;
    Params attributes;
    bool bias;
    bool folded = true;
};

std::vector<Product> products()
{
    const Params plain{{"trans_a", false}, {"trans_b", false}};
    const Params turned{{"trans_a", false}, {"trans_b", true}};
    return {{"3x3", "conv2d", Shape{3, 9, 9, 16}, Shape{3, 3, 16, 24}, convolution(1, 1), false},
        {"3x3 with bias", "conv2d", Shape{3, 9, 9, 16}, Shape{3, 3, 16, 10}, convolution(1, 1), true},
        {"depthwise", "conv2d", Shape{3, 9, 9, 12}, Shape{3, 3, 1, 12}, convolution(1, 12), true},
        {"groups", "conv2d", Shape{3, 9, 9, 12}, Shape{3, 3, 4, 18}, convolution(2, 3), false},
        {"4x4 stride 2", "conv2d_transpose", Shape{3, 7, 7, 16}, Shape{4, 4, 8, 16}, transposed(), true},
        {"few rows", "gemm", Shape{5, 20}, Shape{20, 7}, plain, true, false},
        {"rows", "gemm", Shape{50, 20}, Shape{20, 7}, plain, true},
        {"transposed", "gemm", Shape{50, 20}, Shape{7, 20}, turned, false}};
}

/// relu(product · scale + shift), the product readable or not.
struct Scaled
{
    Builder b;
    ValueId product, result;
    std::shared_ptr<const compile::Plan> plan;
    std::unique_ptr<backend::Backend> device;
    std::unique_ptr<backend::Executable> step;

    Scaled(const Product& p, bool readable)
    {
        const ValueId x = input("x", p.x);
        const ValueId w = input("w", p.w);
        const bool rows = p.op == std::string("conv2d_transpose") ||
                          (p.attributes.has("trans_b") && p.attributes.flag("trans_b"));
        const Shape channels{rows ? p.w[-2] : p.w[-1]};
        product = b.op(p.op, {x, w, p.bias ? input("bias", channels) : noValue}, p.attributes);
        const ValueId scale = b.unary("exp", input("scale", channels));
        result = b.unary("relu", b.add(b.mul(product, scale), input("shift", channels)));
        b.output("result", result);
        if (readable)
            b.output("product", product);
        plan = std::make_shared<const compile::Plan>(compile::plan(b.program()));
        device = backend::open("cpu", {2}).value();
        step = device->load(plan, backend::allocateModel(*device, plan->program).value()).value();
        Random random(11);
        for (auto& [id, values] : m_inputs) {
            for (float& v : values)
                v = random.normal();
            step->write(id, std::as_bytes(std::span(values)));
        }
        step->poison();
        step->run();
    }

    std::vector<float> read(ValueId id) const
    {
        std::vector<float> values(static_cast<size_t>(plan->program.typeOf(id).shape.elements()));
        step->read(id, std::as_writable_bytes(std::span(values)));
        return values;
    }
    const std::vector<float>& contents(const std::string& name) const
    {
        return m_inputs.at(b.program().find(name));
    }
    /// The operation that makes the product.
    const ir::Op& op(const std::string& type) const
    {
        const auto& ops = plan->program.ops;
        return *std::find_if(ops.begin(), ops.end(), [&](const ir::Op& o) { return o.type->id == type; });
    }

private:
    ValueId input(const std::string& name, const Shape& shape)
    {
        const ValueId id = b.input(name, {shape, DType::F32});
        m_inputs[id].resize(static_cast<size_t>(shape.elements()));
        return id;
    }

    std::map<ValueId, std::vector<float>> m_inputs;
};

TEST(FoldedScales, GiveWhatScalingTheResultGives)
{
    for (const Product& p : products()) {
        SCOPED_TRACE(p.name);
        const Scaled apart(p, true);
        const Scaled folded(p, false);
        // Somebody reads the product of the one, the other's is only scaled.
        EXPECT_EQ(apart.op(p.op).outputs[0], apart.product);
        EXPECT_EQ(folded.op(p.op).outputs[0], p.folded ? folded.result : folded.product);
        EXPECT_EQ(folded.op(p.op).attributes.textOr("activation", "none"), p.folded ? "relu" : "none");
        const auto product = apart.read(apart.product);
        const auto& scale = apart.contents("scale");
        const auto& shift = apart.contents("shift");
        const auto result = folded.read(folded.result);
        ASSERT_EQ(result.size(), product.size());
        for (size_t i = 0; i < result.size(); ++i) {
            const size_t channel = i % scale.size();
            const double factor = std::exp(scale[channel]);
            const double expected = std::max(product[i] * factor + shift[channel], 0.0);
            ASSERT_NEAR(result[i], expected, 2e-4 * std::max(factor, 1.0)) << i;
        }
    }
}

/// The judging pass of a small network, with these nodes readable.
class Judged
{
public:
    explicit Judged(std::vector<std::string> watch)
    {
        using train_test::node;
        m_graph = train_test::chain({node("input", "input", {{"shape", train_test::list({16, 16, 1})}}),
            node("conv", "conv2d", {{"filters", int64_t{4}}}),
            node("norm", "batch_norm", {{"activation", std::string("relu")}}), node("flat", "flatten"),
            node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")});
        m_model = train_test::modelOf(m_graph);
        weights = m_model->weights();
        Random random(3);
        for (const char* name : {"weight", "running_var", "running_mean", "bias"})
            for (float& v : weights.at(std::string("norm.") + name).floats())
                v = random.uniform(0.5F, 1.5F);
        EXPECT_TRUE(m_model->setWeights(weights).ok());
        train::ProgramOptions options;
        options.batch = 8;
        options.watch = std::move(watch);
        program = m_model->program("judge", [&] { return train::forwardProgram(m_graph, options); }).value();
        Tensor pictures(Shape{8, 16, 16, 1});
        for (float& v : pictures.floats())
            v = random.normal();
        program->write("input", pictures);
        program->run();
    }

    train::Weights weights;
    train::LoadedProgram* program = nullptr;

private:
    graph::Graph m_graph;
    std::unique_ptr<train::Model> m_model;
};

TEST(FoldedScales, ABatchNormInAJudgingPassTouchesWeightsOnly)
{
    const Judged folded({"norm"});
    const Judged apart({"conv", "norm"});
    for (const ir::Op& op : folded.program->program().ops) {
        if (op.node == "norm") {
            EXPECT_LE(folded.program->program().typeOf(op.outputs[0]).shape.elements(), 36) << op.type->id;
        }
    }
    const auto channel = [&](const char* name, size_t i) {
        return double{apart.weights.at(std::string("norm.") + name).floats()[i % 4]};
    };
    const Tensor before = apart.program->read("node:conv");
    for (const Judged* judged : {&folded, &apart}) {
        const Tensor after = judged->program->read("node:norm");
        ASSERT_EQ(after.shape(), before.shape());
        for (size_t i = 0; i < after.floats().size(); ++i) {
            const double x = before.floats()[i] - channel("running_mean", i);
            const double y = x / std::sqrt(channel("running_var", i) + 1e-5) * channel("weight", i);
            ASSERT_NEAR(after.floats()[i], std::max(y + channel("bias", i), 0.0), 1e-5) << i;
        }
    }
}

} // namespace
} // namespace gradloom::tests
