#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType pad()
{
    OpType type;
    type.id = "pad";
    type.help = "x with `before` and `after` zeros around it in each dimension.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto& before = attributes.list("before");
        const auto& after = attributes.list("after");
        std::vector<int64_t> extents;
        if (static_cast<int>(before.size()) != in[0].shape.rank() || before.size() != after.size())
            return shapeError("before and after must have one entry for each dimension");
        for (size_t i = 0; i < before.size(); ++i)
            extents.push_back(in[0].shape[static_cast<int>(i)] + before[i] + after[i]);
        return Types{{Shape(extents), in[0].dtype}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        return {b.op("slice", {g[0]},
            {{"start", op.attributes.list("before")}, {"size", b.shape(op.inputs[0]).toVector()}})};
    };
    return type;
}

} // namespace gradloom::ir
