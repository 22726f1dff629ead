#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType softmax()
{
    OpType type;
    type.id = "softmax";
    type.help = "exp(x − max) / Σ exp(x − max) along the last dimension.";
    type.inPlace = 0;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].shape.rank() < 1)
            return shapeError("softmax needs at least one dimension");
        return Types{in[0]};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        return {b.op("softmax_backward", {op.outputs[0], g[0]})};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 5 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
