#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType softmax_cross_entropy_backward()
{
    OpType type;
    type.id = "softmax_cross_entropy_backward";
    type.help = "Adjoint of softmax_cross_entropy: (p − onehot(label))·g from the probabilities N×C, the labels N and the "
                "gradient g (N) of each row's loss.";
    type.inPlace = 0;
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].shape.rank() != 2 || !(in[2].shape == Shape{in[0].shape[0]}))
            return shapeError("the gradient must have one element for each row");
        return Types{in[0]};
    };
    return type;
}

} // namespace gradloom::ir
