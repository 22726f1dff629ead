#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType slice()
{
    OpType type;
    type.id = "slice";
    type.help = "The block of `size` elements a dimension that begins at `start`.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto& start = attributes.list("start");
        const auto& size = attributes.list("size");
        const Shape& shape = in[0].shape;
        if (static_cast<int>(start.size()) != shape.rank() || start.size() != size.size())
            return shapeError("start and size must have one entry for each dimension");
        for (size_t i = 0; i < start.size(); ++i)
            if (start[i] < 0 || size[i] < 1 || start[i] + size[i] > shape[static_cast<int>(i)])
                return shapeError("the block lies outside " + shape.toString());
        return Types{{Shape(size), in[0].dtype}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const auto& start = op.attributes.list("start");
        const auto& size = op.attributes.list("size");
        const Shape& shape = b.shape(op.inputs[0]);
        std::vector<int64_t> after(start.size());
        for (size_t i = 0; i < start.size(); ++i)
            after[i] = shape[static_cast<int>(i)] - start[i] - size[i];
        return {b.op("pad", {g[0]}, {{"before", start}, {"after", after}})};
    };
    return type;
}

} // namespace gradloom::ir
