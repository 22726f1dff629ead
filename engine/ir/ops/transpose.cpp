#include "engine/ir/op_rules.h"

namespace gradloom::ir {

OpType transpose()
{
    OpType type;
    type.id = "transpose";
    type.help = "Reorders dimensions: dimension i of the result is dimension `order`[i] of x.";
    type.infer = [](std::span<const TensorType> in, const Params& attributes) -> Result<Types> {
        const auto& order = attributes.list("order");
        auto sorted = order;
        std::sort(sorted.begin(), sorted.end());
        std::vector<int64_t> extents;
        for (size_t i = 0; i < order.size(); ++i) {
            if (sorted[i] != static_cast<int64_t>(i) || static_cast<int>(order.size()) != in[0].shape.rank())
                return shapeError("`order` must name every dimension once");
            extents.push_back(in[0].shape[static_cast<int>(order[i])]);
        }
        return Types{{Shape(extents), in[0].dtype}};
    };
    type.adjoint = [](Builder& b, const Op& op, Gradients g, const Wanted&) -> std::vector<ValueId> {
        const auto& order = op.attributes.list("order");
        std::vector<int64_t> inverse(order.size());
        for (size_t i = 0; i < order.size(); ++i)
            inverse[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
        return {b.op("transpose", {g[0]}, {{"order", inverse}})};
    };
    return type;
}

} // namespace gradloom::ir
