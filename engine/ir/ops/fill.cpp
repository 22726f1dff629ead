#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType fill()
{
    OpType type;
    type.id = "fill";
    type.help = "A tensor of `shape` whose elements are all `value`.";
    type.infer = [](std::span<const TensorType>, const Params& attributes) -> Result<Types> {
        return Types{{Shape(attributes.list("shape")), DType::F32}};
    };
    return type;
}

} // namespace gradloom::ir
