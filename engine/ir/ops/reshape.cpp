#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType reshape()
{
    OpType type;
    type.id = "reshape";
    type.help = "The same elements in the same order under another `shape`; moves nothing.";
    type.alias = true;
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape to(attributes.list("shape"));
        if (to.elements() != in[0].shape.elements())
            return shapeError(in[0].shape.toString() + " has not as many elements as " + to.toString());
        return Types{{to, in[0].dtype}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        return {b.reshape(g[0], b.shape(op.inputs[0]))};
    };
    return type;
}

} // namespace gradloom::ir
