#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType gaussian_noise()
{
    LayerType type;
    type.id = "gaussian_noise";
    type.title = "GaussianNoise";
    type.category = "regularization";
    type.help = "During training adds normal noise to every number, so that the network does not rely on "
                "exact values.";
    type.formula = "y = x + σ·ε, ε normal";
    type.parameters = {
        realParam("deviation", "Deviation", 0.1, 0, 1e3, "σ: standard deviation of the noise.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred { return in[0]; };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        if (!c.training || c.params.real("deviation") == 0)
            return {c.in()};
        const auto noise = c.randomNumbers("normal", c.b.shape(c.in()));
        return {c.b.add(c.in(), c.b.scale(noise, c.params.real("deviation")))};
    };
    type.summary = [](const Params& p) { return "σ = " + formatParam(p.real("deviation")); };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, map({9})}, {{{"deviation", 0.5}}, map({3, 4, 2})}, {{{"deviation", 0.0}}, map({1})}};
    return type;
}

} // namespace gradloom::layers
