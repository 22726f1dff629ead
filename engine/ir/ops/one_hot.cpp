#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType one_hot()
{
    OpType type;
    type.id = "one_hot";
    type.help = "Integer labels (N) as rows of `classes` numbers, one at the label and zero elsewhere.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        if (in[0].dtype != DType::I32 || in[0].shape.rank() != 1)
            return shapeError("labels must be N integers");
        return Types{{Shape{in[0].shape[0], attributes.integer("classes")}, DType::F32}};
    };
    return type;
}

} // namespace gradloom::ir
