#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType conv2d()
{
    OpType type;
    type.id = "conv2d";
    type.help = "activation(x ∗ w + bias): x is N×H×W×C, w is kh×kw×C/groups×K, bias K or absent; options stride, padding "
                "(top, left, bottom, right), dilation, groups. With `statistics` the mean and the biased variance of "
                "the result over all dimensions but the last are the second and third result (no gradient goes through them).";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Window window(attributes);
        const Shape& x = in[0].shape;
        const Shape& w = in[1].shape;
        if (x.rank() != 4 || w.rank() != 4 || x[3] != w[2] * window.groups || w[3] % window.groups != 0)
            return shapeError("the weights do not fit the input");
        const int64_t height = window.outputExtent(0, x[1], w[0]);
        const int64_t width = window.outputExtent(1, x[2], w[1]);
        if (height < 1 || width < 1)
            return shapeError("the kernel is larger than the padded input");
        Types results{{Shape{x[0], height, width, w[3]}, DType::F32}};
        if (attributes.has("statistics"))
            results.resize(3, {Shape{w[3]}, DType::F32});
        return results;
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        const ValueId dy = activationGradient(b, op, g[0]);
        const Shape& x = b.shape(op.inputs[0]);
        const Shape& w = b.shape(op.inputs[1]);
        Params attributes = withoutActivation(op);
        attributes.erase("statistics");
        std::vector<ValueId> result(op.inputs.size(), noValue);
        const bool bias = op.inputs.size() > 2 && wanted[2];
        if (wanted[1] || bias) {
            Params weights = attributes;
            weights.set("kernel", std::vector<int64_t>{w[0], w[1]});
            const auto gradients = b.ops("conv2d_weights_gradient", {op.inputs[0], dy}, weights);
            result[1] = gradients[0];
            if (bias)
                result[2] = gradients[1];
        }
        if (wanted[0]) {
            attributes.set("output", std::vector<int64_t>{x[1], x[2]});
            result[0] = b.op("conv2d_transpose", {dy, op.inputs[1], noValue}, attributes);
        }
        return result;
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType> out, const Params&) {
        const Shape& w = in[1].shape;
        return 2 * out[0].shape.elements() * w[0] * w[1] * w[2];
    };
    return type;
}

} // namespace gradloom::ir
