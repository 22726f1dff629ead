#include "engine/layers/norm_layer.h"

#include <numeric>

namespace gradloom::layers {

LayerType group_norm()
{
    LayerType type;
    type.id = "group_norm";
    type.title = "GroupNorm";
    type.category = "normalization";
    type.help = "Keeps each group of channels of a sample at mean 0 and "
                "deviation 1, then scales and shifts each channel by "
                "learned numbers. Works with small batches too.";
    type.formula = "y = γ · (x − mean) / √(variance + ε) + β over a group of "
                   "channels and all positions";
    type.parameters = {integerParam(
        "groups", "Groups", 8, 1, 65536, "Parts of equal size that the channels are divided into.")};
    for (auto& spec : normParams())
        type.parameters.push_back(spec);
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        if (x.rank() < 1)
            return Fault{"GroupNorm needs at least (N, channels) but gets " + batchShape(x) + ".", {}};
        const int64_t groups = p.integer("groups");
        if (x[-1] % groups == 0)
            return in[0];
        const int64_t fitting = std::gcd(groups, x[-1]);
        return Fault{"GroupNorm cannot divide " + std::to_string(x[-1]) + " channels into " +
                         std::to_string(groups) + " groups of equal size. Use " + std::to_string(fitting) +
                         ".",
            {{Repair::Kind::SetParameter,
                "Use " + std::to_string(fitting) + (fitting == 1 ? " group" : " groups"), {}, {}, 0, "groups",
                fitting}}};
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {normalise(c, 1, c.params.integer("groups"))};
    };
    type.summary = [](const Params& p) { return std::to_string(p.integer("groups")) + " groups"; };
    const auto f = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const auto groups = [](int64_t n) { return Params{{"groups", n}}; };
    type.samples = {{groups(2), f({3, 5, 6})}, {groups(1), f({4, 3})}, {groups(2), f({8})},
        {{{"groups", int64_t{2}}, {"scale", false}, {"center", false}}, f({7, 4})},
        {{{"groups", int64_t{4}}, {"frozen", true}}, f({2, 2, 8})}};
    return type;
}

} // namespace gradloom::layers
