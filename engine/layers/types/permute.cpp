#include "engine/layers/layer_options.h"

#include <algorithm>
#include <numeric>

namespace gradloom::layers {

namespace {

Inferred inferPermute(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    const auto& order = p.list("order");
    std::vector<int64_t> all(static_cast<size_t>(x.rank()));
    std::iota(all.begin(), all.end(), 0);
    if (std::is_permutation(order.begin(), order.end(), all.begin(), all.end())) {
        std::vector<int64_t> extents;
        for (int64_t axis : order)
            extents.push_back(x[static_cast<int>(axis)]);
        return Shape(extents);
    }
    if (all.empty())
        return Fault{"Permute needs at least one dimension but gets " + batchShape(x) + ".", {}};
    std::reverse(all.begin(), all.end());
    return Fault{"Permute must name each of the " + std::to_string(x.rank()) + " dimensions of " +
                     batchShape(x) + " once, counted from 0, but its order is " + formatParam(order) + ".",
        {{Repair::Kind::SetParameter, "Use order " + formatParam(all), {}, {}, 0, "order", all}}};
}

} // namespace

LayerType permute()
{
    LayerType type;
    type.id = "permute";
    type.title = "Permute";
    type.category = "shape";
    type.help = "Reorders the dimensions of a sample, for example steps and features.";
    type.formula = "extent i of y = extent order(i) of x";
    type.parameters = {listParam("order", "Order", {1, 0}, 0, 4,
        "Which dimension of the input each dimension of the result is, counted from 0 within one sample.")};
    type.infer = inferPermute;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        std::vector<int64_t> order{0};
        for (int64_t axis : c.params.list("order"))
            order.push_back(axis + 1);
        return {c.b.op("transpose", {c.in()}, {{"order", order}})};
    };
    type.summary = [](const Params& p) { return formatParam(p.list("order")); };
    const auto list = [](std::initializer_list<int64_t> order) { return std::vector<int64_t>(order); };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, map({3, 5})}, {{{"order", list({2, 0, 1})}}, map({2, 3, 4})},
        {{{"order", list({0})}}, map({7})}, {{{"order", list({3, 1, 2, 0})}}, map({2, 1, 3, 2})}};
    return type;
}

} // namespace gradloom::layers
