#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType log_softmax()
{
    OpType type;
    type.id = "log_softmax";
    type.help =
        "x − max − ln Σ exp(x − max) along the last dimension: ln softmax(x) without overflow or ln 0.";
    type.inPlace = 0;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].shape.rank() < 1)
            return shapeError("log_softmax needs at least one dimension");
        return Types{in[0]};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const Shape shape = b.shape(op.outputs[0]);
        const ValueId sum = b.reduce("sum", g[0], {shape.rank() - 1}, true);
        const ValueId spread = b.op("broadcast", {sum}, {{"shape", shape.toVector()}});
        return {b.sub(g[0], b.mul(b.unary("exp", op.outputs[0]), spread))};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 5 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
