#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType avg_pool2d()
{
    OpType type;
    type.id = "avg_pool2d";
    type.help = "Mean of each window of x (N×H×W×C) over the elements that are not padding; options kernel, stride, padding.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto y = pooledShape(in[0].shape, attributes);
        if (!y)
            return y.error();
        return Types{{*y, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const Shape& x = b.shape(op.inputs[0]);
        Params attributes = op.attributes;
        attributes.set("output", std::vector<int64_t>{x[1], x[2]});
        return {b.op("avg_pool2d_backward", {g[0]}, attributes)};
    };
    type.flops = [](std::span<const TensorType>, std::span<const TensorType> out, const Params& attributes) {
        return out[0].shape.elements() * attributes.list("kernel")[0] * attributes.list("kernel")[1];
    };
    return type;
}

} // namespace gradloom::ir
