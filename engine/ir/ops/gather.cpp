#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType gather()
{
    OpType type;
    type.id = "gather";
    type.help =
        "Rows of a table (V×D) by index (I32 of any shape S): rows S×D, and S numbers that are 1, or 0 where "
        "the index "
        "is `padding` (-1: nowhere). The row of the padding, and of an index outside 0..V−1, is zero.";
    type.infer = [](std::span<const TensorType> in, const Params&) -> Result<Types> {
        if (in[0].shape.rank() != 2 || in[0].dtype != DType::F32)
            return shapeError("the table must be V×D numbers");
        if (in[1].dtype != DType::I32 || in[1].shape.rank() >= Shape::maxRank)
            return shapeError("the indices must be integers of at most five dimensions");
        auto extents = in[1].shape.toVector();
        extents.push_back(in[0].shape[1]);
        return Types{{Shape(extents), DType::F32}, {in[1].shape, DType::F32}};
    };
    type.bytes = [](std::span<const TensorType> in, std::span<const TensorType> out) {
        return in[1].bytes() + 2 * out[0].bytes() + out[1].bytes(); // of the table only the rows that are asked for
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) -> std::vector<ValueId> {
        if (!wanted[0] || g[0] == noValue)
            return {noValue, noValue};
        Params attributes = op.attributes;
        attributes.set("rows", b.shape(op.inputs[0])[0]);
        return {b.op("gather_gradient", {g[0], op.inputs[1]}, attributes), noValue};
    };
    return type;
}

} // namespace gradloom::ir
