#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType group_norm_backward()
{
    OpType type;
    type.id = "group_norm_backward";
    type.help = "Adjoint of group_norm: from x, gamma (or absent), mean, "
                "1/√(variance+epsilon) and dy the gradients dx, dgamma, "
                "dbeta.";
    type.inPlace = 4;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (!(in[0].shape == in[4].shape))
            return shapeError("x and its gradient differ in shape");
        const TensorType channels{Shape{in[0].shape[-1]}, DType::F32};
        return Types{in[0], channels, channels};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 12 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
