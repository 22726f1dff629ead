#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType argmax()
{
    OpType type;
    type.id = "argmax";
    type.help = "Column of the first maximum in each row of x (N×C), as integers N.";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].shape.rank() != 2)
            return shapeError("the input must be N×C");
        return Types{{Shape{in[0].shape[0]}, DType::I32}};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
