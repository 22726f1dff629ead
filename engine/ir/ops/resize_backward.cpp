#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType resize_backward()
{
    OpType type;
    type.id = "resize_backward";
    type.help = "Adjoint of resize: dy (N×OH×OW×C) gives dx (N×`output`×C).";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& dy = in[0].shape;
        const auto& output = attributes.list("output");
        if (dy.rank() != 4 || output.size() != 2)
            return shapeError("the gradient must be N×OH×OW×C and `output` a height and a width");
        return Types{{Shape{dy[0], output[0], output[1], dy[3]}, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const Shape dy = b.shape(op.inputs[0]);
        Params attributes = op.attributes;
        attributes.set("output", std::vector<int64_t>{dy[1], dy[2]});
        return {b.op("resize", {g[0]}, attributes)};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params& attributes) {
        return in[0].shape.elements() * (attributes.text("mode") == "bilinear" ? 8 : 1);
    };
    return type;
}

} // namespace gradloom::ir
