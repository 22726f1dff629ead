#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType max_pool2d()
{
    OpType type;
    type.id = "max_pool2d";
    type.help = "Largest element of each window of x (N×H×W×C), and which one it was (row by row within the window); options "
                "kernel, stride, padding. Padding never wins.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto y = pooledShape(in[0].shape, attributes);
        if (!y)
            return y.error();
        const auto& kernel = attributes.list("kernel");
        return Types{{*y, DType::F32}, {*y, kernel[0] * kernel[1] <= 256 ? DType::U8 : DType::I32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const Shape& x = b.shape(op.inputs[0]);
        Params attributes = op.attributes;
        attributes.set("output", std::vector<int64_t>{x[1], x[2]});
        return {b.op("max_pool2d_backward", {g[0], op.outputs[1], noValue}, attributes)};
    };
    type.flops = [](std::span<const TensorType>, std::span<const TensorType> out, const Params& attributes) {
        return out[0].shape.elements() * attributes.list("kernel")[0] * attributes.list("kernel")[1];
    };
    return type;
}

} // namespace gradloom::ir
