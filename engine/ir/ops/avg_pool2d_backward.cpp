#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType avg_pool2d_backward()
{
    OpType type;
    type.id = "avg_pool2d_backward";
    type.help = "Adjoint of avg_pool2d: dy (N×OH×OW×C) gives dx (N×`output`×C).";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& dy = in[0].shape;
        const auto& output = attributes.list("output");
        if (dy.rank() != 4)
            return shapeError("the gradient must be N×OH×OW×C");
        return Types{{Shape{dy[0], output[0], output[1], dy[3]}, DType::F32}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        Params attributes = op.attributes;
        attributes.erase("output");
        return {b.op("avg_pool2d", {g[0]}, attributes)};
    };
    return type;
}

} // namespace gradloom::ir
