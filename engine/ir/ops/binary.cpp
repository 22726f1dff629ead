#include "engine/ir/op_rules.h"
#include "engine/ir/pointwise.h"

namespace gradloom::ir {

namespace {

/// Equal shapes, one element against many, or a suffix that repeats ([C] against [N, H, W, C]).
bool repeatsInto(const Shape& small, const Shape& large)
{
    if (small.elements() == 1)
        return true;
    if (small.rank() > large.rank())
        return false;
    return std::equal(small.begin(), small.end(), large.end() - small.rank());
}

/// The derivatives of activations are linear in the gradient x; their second derivatives are what a gradient penalty
/// needs. y is the operand or the result of the activation, see engine/ir/pointwise.cpp.
std::vector<ValueId> gradientOfGradient(Builder& b, const Op& op, ValueId g)
{
    const ValueId x = op.inputs[0];
    const ValueId y = op.inputs[1];
    const std::string& fn = op.attributes.text("fn");
    if (!fn.ends_with("_gradient"))
        return {noValue, noValue};
    const ValueId dx = b.op("binary", {g, y}, op.attributes);
    const ValueId product = b.mul(g, x);
    if (fn == "tanh_gradient") // x·(1 − y²)
        return {dx, b.scale(b.mul(product, y), -2)};
    if (fn == "sigmoid_gradient") // x·y·(1 − y)
        return {dx, b.mul(product, b.offset(b.scale(y, -2), 1))};
    if (fn == "elu_gradient") // x where y > 0, else x·(y + α)
        return {dx, b.sub(product, b.mul(product, b.unary("step", y)))};
    return {dx, noValue}; // piecewise linear
}

std::vector<ValueId> adjointOf(Builder& b, const Op& op, ValueId g)
{
    const ValueId x = op.inputs[0];
    const ValueId y = op.inputs[1];
    const std::string& fn = op.attributes.text("fn");
    if (fn == "add")
        return {g, g};
    if (fn == "sub")
        return {g, b.unary("neg", g)};
    if (fn == "mul")
        return {b.mul(g, y), b.mul(g, x)};
    if (fn == "div") {
        const ValueId dx = b.div(g, y);
        return {dx, b.unary("neg", b.mul(dx, op.outputs[0]))};
    }
    if (fn == "max" || fn == "min") {
        const bool max = fn == "max";
        return {b.mul(g, b.binary("greater", max ? x : y, max ? y : x)),
            b.sub(g, b.mul(g, b.binary("greater", max ? x : y, max ? y : x)))};
    }
    return gradientOfGradient(b, op, g);
}

} // namespace

OpType binary()
{
    OpType type;
    type.id = "binary";
    type.help = "fn(a, b) for every element. One operand may be a single number or a suffix of the other's shape, "
                "which then repeats.";
    type.elementwise = true;
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto* function = findPointwiseFunction(attributes.text("fn"));
        if (!function || function->operands != 2)
            return shapeError("there is no function of two numbers \"" + attributes.text("fn") + "\"");
        const bool firstLarger = in[0].shape.elements() > in[1].shape.elements() ||
            (in[0].shape.elements() == in[1].shape.elements() && in[0].shape.rank() >= in[1].shape.rank());
        const Shape& large = firstLarger ? in[0].shape : in[1].shape;
        const Shape& small = firstLarger ? in[1].shape : in[0].shape;
        if (!repeatsInto(small, large))
            return shapeError("the shapes do not fit together");
        return Types{{large, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) {
        auto result = adjointOf(b, op, g[0]);
        for (size_t i = 0; i < 2; ++i)
            if (result[i] != noValue && wanted[i])
                result[i] = b.sumTo(result[i], b.shape(op.inputs[i]));
        return result;
    };
    return type;
}

} // namespace gradloom::ir
