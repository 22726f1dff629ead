#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType softmax_backward()
{
    OpType type;
    type.id = "softmax_backward";
    type.help = "Adjoint of softmax from its result y: dx = y·(dy − Σ y·dy) along the last dimension.";
    type.inPlace = 1;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (!(in[0].shape == in[1].shape))
            return shapeError("result and gradient differ in shape");
        return Types{in[0]};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return 4 * in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
