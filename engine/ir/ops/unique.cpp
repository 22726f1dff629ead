#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType unique()
{
    OpType type;
    type.id = "unique";
    type.help = "The different ones among indices (I32 of any shape S) into a table of `rows` rows: with R "
                "the smaller of "
                "`rows` and the number of indices, a list of them (I32, R) in the order in which they occur, "
                "behind the last "
                "one −1, and the place of each index in the list (I32, S). The index `padding` (−1: none) "
                "and those outside "
                "the table are not listed and have the place −1.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        if (in[0].dtype != DType::I32)
            return shapeError("the indices must be integers");
        const int64_t most = std::min(in[0].shape.elements(), attributes.integer("rows"));
        return Types{{Shape{most}, DType::I32}, in[0]};
    };
    type.adjoint = [](Builder&, const Op&, Gradients, const Wanted&) -> std::vector<ValueId> {
        return {noValue};
    };
    return type;
}

} // namespace gradloom::ir
