#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType gather_gradient()
{
    OpType type;
    type.id = "gather_gradient";
    type.help = "Adjoint of gather: a table of `rows`×D in which each row is the sum of the rows of dy (S×D) "
                "with its index "
                "(I32, S). The padding and indices outside the table add nothing.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const Shape& dy = in[0].shape;
        if (dy.rank() < 1 || in[1].dtype != DType::I32 || dy.elements() != in[1].shape.elements() * dy[-1])
            return shapeError("the gradient must have one row for each index");
        return Types{{Shape{attributes.integer("rows"), dy[-1]}, DType::F32}};
    };
    type.flops = [](std::span<const TensorType> in, std::span<const TensorType>, const Params&) {
        return in[0].shape.elements();
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        Params attributes = op.attributes;
        attributes.erase("rows");
        return {wanted[0] ? b.op("gather", {g[0], op.inputs[1]}, attributes) : noValue, noValue};
    };
    return type;
}

} // namespace gradloom::ir
