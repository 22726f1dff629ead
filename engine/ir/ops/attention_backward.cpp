#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType attention_backward()
{
    OpType type;
    type.id = "attention_backward";
    type.help = "Adjoint of attention: from its operands (q, k, v, mask, "
                "counter), its two results and dy the gradients dq, dk, "
                "dv. The probabilities are computed again instead of being kept "
                "(Dao et al. 2022).";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (!(in[5].shape == in[7].shape))
            return shapeError("result and gradient differ in shape");
        return Types{in[0], in[1], in[2]};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 2 * in[0].shape[0] * in[0].shape[1] * in[1].shape[1] *
               (3 * in[1].shape[2] + 2 * in[2].shape[2]);
    };
    return type;
}

} // namespace gradloom::ir
