#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType pointwise()
{
    OpType type;
    type.id = "pointwise";
    type.help = "A fused chain of unary and binary operations: one pass over memory, several results possible. "
                "Made by the compiler after differentiation.";
    type.elementwise = true;
    type.infer = [](std::span<const TensorType>, const Params& attributes) -> Result<Types> {
        const Shape shape(attributes.list("shape"));
        return Types(static_cast<size_t>(attributes.integer("results")), TensorType{shape, DType::F32});
    };
    return type;
}

} // namespace gradloom::ir
