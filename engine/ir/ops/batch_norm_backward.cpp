#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType batch_norm_backward()
{
    OpType type;
    type.id = "batch_norm_backward";
    type.help = "Adjoint of batch_norm: from x, gamma, the batch's mean and variance, dy and (where an activation was fused) beta, "
                "the gradients dx, dgamma, dbeta.";
    type.inPlace = 4;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (!(in[0].shape == in[4].shape))
            return shapeError("x and its gradient differ in shape");
        return Types{in[0], in[1], in[1]};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 12 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
