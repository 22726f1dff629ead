#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType top_k_correct()
{
    OpType type;
    type.id = "top_k_correct";
    type.help = "1 for each row of the scores (N×C) whose label (N integers) is among the `k` largest, else 0. Of equal scores "
                "the earlier column counts as larger.";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].shape.rank() != 2 || in[1].dtype != DType::I32 || !(in[1].shape == Shape{in[0].shape[0]}))
            return shapeError("scores must be N×C and labels N integers");
        return Types{{Shape{in[0].shape[0]}, DType::F32}};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return in[0].shape.elements();
    };
    return type;
}

} // namespace gradloom::ir
