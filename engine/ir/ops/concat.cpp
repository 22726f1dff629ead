#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType concat()
{
    OpType type;
    type.id = "concat";
    type.help = "The operands one behind the other along `axis`. Along the first one the planner puts them in place "
                "without a copy where it can.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto axis = static_cast<int>(attributes.integer("axis"));
        Shape shape = in[0].shape;
        if (axis < 0 || axis >= shape.rank())
            return shapeError("axis " + std::to_string(axis) + " lies outside the shape");
        int64_t total = 0;
        for (const TensorType& part : in) {
            Shape like = part.shape;
            if (like.rank() != shape.rank())
                return shapeError("the parts differ in rank");
            total += like[axis];
            like.setExtent(axis, shape[axis]);
            if (!(like == shape))
                return shapeError("the parts differ in more than axis " + std::to_string(axis));
        }
        shape.setExtent(axis, total);
        return Types{{shape, in[0].dtype}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted& wanted) {
        const auto axis = static_cast<int>(op.attributes.integer("axis"));
        std::vector<ValueId> result;
        int64_t start = 0;
        for (size_t i = 0; i < op.inputs.size(); ++i) {
            const Shape& shape = b.shape(op.inputs[i]);
            std::vector<int64_t> from(static_cast<size_t>(shape.rank()), 0);
            from[static_cast<size_t>(axis)] = start;
            start += shape[axis];
            result.push_back(
                wanted[i] ? b.op("slice", {g[0]}, {{"start", from}, {"size", shape.toVector()}}) : noValue);
        }
        return result;
    };
    return type;
}

} // namespace gradloom::ir
