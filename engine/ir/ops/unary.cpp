#include "engine/ir/op_rules.h"
#include "engine/ir/pointwise.h"

#include <functional>
#include <map>

namespace gradloom::ir {

namespace {

/// x is the operand, y the result, g the gradient of the result.
using Rule = std::function<ValueId(Builder& b, ValueId x, ValueId y, ValueId g, double alpha)>;

ValueId withAlpha(Builder& b, const char* fn, ValueId g, ValueId y, double alpha)
{
    return b.op("binary", {g, y}, {{"fn", std::string(fn)}, {"alpha", alpha}});
}

const std::map<std::string, Rule, std::less<>>& rules()
{
    static const std::map<std::string, Rule, std::less<>> table{
        {"copy", [](Builder&, ValueId, ValueId, ValueId g, double) { return g; }},
        {"neg", [](Builder& b, ValueId, ValueId, ValueId g, double) { return b.unary("neg", g); }},
        {"abs", [](Builder& b, ValueId x, ValueId, ValueId g, double) { return b.mul(g, b.unary("sign", x)); }},
        {"square", [](Builder& b, ValueId x, ValueId, ValueId g, double) { return b.mul(g, b.scale(x, 2)); }},
        {"sqrt", [](Builder& b, ValueId, ValueId y, ValueId g, double) { return b.div(b.scale(g, 0.5), y); }},
        {"rsqrt",
            [](Builder& b, ValueId x, ValueId y, ValueId g, double) {
                return b.mul(b.scale(g, -0.5), b.div(y, x));
            }},
        {"reciprocal",
            [](Builder& b, ValueId, ValueId y, ValueId g, double) {
                return b.mul(b.unary("neg", g), b.unary("square", y));
            }},
        {"exp", [](Builder& b, ValueId, ValueId y, ValueId g, double) { return b.mul(g, y); }},
        {"log", [](Builder& b, ValueId x, ValueId, ValueId g, double) { return b.div(g, x); }},
        {"tanh", [](Builder& b, ValueId, ValueId y, ValueId g, double) { return b.binary("tanh_gradient", g, y); }},
        {"sigmoid",
            [](Builder& b, ValueId, ValueId y, ValueId g, double) { return b.binary("sigmoid_gradient", g, y); }},
        {"softplus",
            [](Builder& b, ValueId x, ValueId, ValueId g, double) { return b.mul(g, b.unary("sigmoid", x)); }},
        {"erf",
            [](Builder& b, ValueId x, ValueId, ValueId g, double) {
                const ValueId bell = b.unary("exp", b.unary("neg", b.unary("square", x)));
                return b.mul(g, b.scale(bell, 1.1283791670955126)); // 2/√π
            }},
        {"relu", [](Builder& b, ValueId, ValueId y, ValueId g, double) { return b.binary("relu_gradient", g, y); }},
        // Masks look at the operand, not the result: with α ≤ 0 the sign of the result says nothing.
        {"leaky_relu",
            [](Builder& b, ValueId x, ValueId, ValueId g, double alpha) {
                return withAlpha(b, "leaky_relu_gradient", g, x, alpha);
            }},
        {"elu",
            [](Builder& b, ValueId, ValueId y, ValueId g, double alpha) {
                return withAlpha(b, "elu_gradient", g, y, alpha);
            }},
        {"scale", [](Builder& b, ValueId, ValueId, ValueId g, double alpha) { return b.scale(g, alpha); }},
        {"offset", [](Builder&, ValueId, ValueId, ValueId g, double) { return g; }},
        {"power",
            [](Builder& b, ValueId x, ValueId, ValueId g, double alpha) {
                return b.mul(b.scale(g, alpha), b.unary("power", x, alpha - 1));
            }},
        {"maximum_scalar",
            [](Builder& b, ValueId x, ValueId, ValueId g, double alpha) {
                return b.mul(g, b.unary("step", b.offset(x, -alpha)));
            }},
        {"minimum_scalar",
            [](Builder& b, ValueId x, ValueId, ValueId g, double alpha) {
                return b.mul(g, b.unary("step", b.offset(b.unary("neg", x), alpha)));
            }},
    };
    return table;
}

} // namespace

OpType unary()
{
    OpType type;
    type.id = "unary";
    type.help = "y = fn(x) for every element; fn is one of the functions of one number, alpha its constant.";
    type.elementwise = true;
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto* function = findPointwiseFunction(attributes.text("fn"));
        if (!function || function->operands != 1)
            return shapeError("there is no function of one number \"" + attributes.text("fn") + "\"");
        return Types{in[0]};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const auto rule = rules().find(op.attributes.text("fn"));
        if (rule == rules().end())
            return {noValue};
        return {rule->second(b, op.inputs[0], op.outputs[0], g[0], op.attributes.real("alpha"))};
    };
    return type;
}

} // namespace gradloom::ir
