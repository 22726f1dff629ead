#include "engine/layers/norm_layer.h"

namespace gradloom::layers {

LayerType instance_norm()
{
    LayerType type;
    type.id = "instance_norm";
    type.title = "InstanceNorm";
    type.category = "normalization";
    type.help = "Keeps each channel of a sample at mean 0 and deviation 1 over "
                "its positions, then scales and shifts it by learned "
                "numbers. Removes contrast: for changing the style of pictures.";
    type.formula = "y = γ · (x − mean) / √(variance + ε) + β over all positions";
    type.parameters = normParams();
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() < 2)
            return Fault{"InstanceNorm needs pictures or sequences (N, …, channels) "
                         "but gets " +
                             batchShape(in[0].shape) + ": one position has no deviation. Use LayerNorm.",
                {}};
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {normalise(c, 1, c.b.shape(c.in())[-1])};
    };
    type.summary = [](const Params&) { return std::string(); };
    const auto f = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, f({4, 3, 5})}, {{{"center", false}}, f({6, 17})},
        {{{"scale", false}, {"epsilon", 1e-3}}, f({3, 4, 1})}};
    return type;
}

} // namespace gradloom::layers
