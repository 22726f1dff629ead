#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType conv2d_weights_gradient()
{
    OpType type;
    type.id = "conv2d_weights_gradient";
    type.help = "Gradients of conv2d's weights (kh×kw×C/groups×K) and bias (K) from its input x and the gradient dy of its "
                "result; option `kernel` is kh, kw. With the weights as third operand the gradient of x is the third result.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Window window(attributes);
        const Shape& x = in[0].shape;
        const Shape& dy = in[1].shape;
        const auto& kernel = attributes.list("kernel");
        if (x.rank() != 4 || dy.rank() != 4 || kernel.size() != 2 || x[3] % window.groups != 0)
            return shapeError("the operands do not belong to one convolution");
        Types results{{Shape{kernel[0], kernel[1], x[3] / window.groups, dy[3]}, DType::F32}, {Shape{dy[3]}, DType::F32}};
        if (in.size() > 2)
            results.push_back(in[0]);
        return results;
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        const Shape& x = b.shape(op.inputs[0]);
        Params attributes = op.attributes;
        attributes.erase("kernel");
        std::vector<ValueId> result(2, noValue);
        if (wanted[1] && g[0] != noValue)
            result[1] = b.op("conv2d", {op.inputs[0], g[0], g[1]}, attributes);
        else if (wanted[1])
            result[1] = b.op("broadcast", {g[1]}, {{"shape", b.shape(op.inputs[1]).toVector()}});
        if (wanted[0] && g[0] != noValue) {
            attributes.set("output", std::vector<int64_t>{x[1], x[2]});
            result[0] = b.op("conv2d_transpose", {op.inputs[1], g[0], noValue}, attributes);
        }
        return result;
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType> out, const Params&) {
        const Shape& w = out[0].shape;
        const int64_t gradients = in.size() > 2 ? 2 : 1;
        return gradients * 2 * in[1].shape.elements() * w[0] * w[1] * w[2];
    };
    return type;
}

} // namespace gradloom::ir
