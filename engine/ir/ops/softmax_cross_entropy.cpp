#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType softmax_cross_entropy()
{
    OpType type;
    type.id = "softmax_cross_entropy";
    type.help = "−ln softmax(x)[label] for each row of the scores x (N×C) and integer labels (N): losses N, and the "
                "probabilities N×C. A label outside 0..C−1 gives a loss of zero and no gradient.";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        const Shape& x = in[0].shape;
        if (x.rank() != 2 || in[1].dtype != DType::I32 || !(in[1].shape == Shape{x[0]}))
            return shapeError("scores must be N×C and labels N integers");
        return Types{{Shape{x[0]}, DType::F32}, in[0]};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        ValueId dx = noValue;
        if (g[0] != noValue)
            dx = b.op("softmax_cross_entropy_backward", {op.outputs[1], op.inputs[1], g[0]});
        if (g[1] != noValue) {
            const ValueId other = b.op("softmax_backward", {op.outputs[1], g[1]});
            dx = dx == noValue ? other : b.add(dx, other);
        }
        return {wanted[0] ? dx : noValue, noValue};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 6 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
