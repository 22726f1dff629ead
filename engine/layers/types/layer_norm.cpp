#include "engine/layers/norm_layer.h"

namespace gradloom::layers {

LayerType layer_norm()
{
    LayerType type;
    type.id = "layer_norm";
    type.title = "LayerNorm";
    type.category = "normalization";
    type.help = "Keeps the features of every step at mean 0 and deviation 1, "
                "then scales and shifts them by learned numbers. "
                "Unlike BatchNorm it does not depend on the other samples.";
    type.formula = "y = γ · (x − mean) / √(variance + ε) + β over the last dimension";
    type.parameters = normParams();
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() < 1)
            return Fault{
                "LayerNorm needs at least (N, features) but gets " + batchShape(in[0].shape) + ".", {}};
        return in[0];
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {normalise(c, c.b.shape(c.in()).rank() - 1, 1)};
    };
    type.summary = [](const Params&) { return std::string(); };
    const auto f = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, f({6})}, {{}, f({5, 17})}, {{{"scale", false}, {"epsilon", 1e-3}}, f({2, 3, 8})},
        {{{"center", false}}, f({3, 7})}, {{{"frozen", true}}, f({2, 4})},
        {{{"scale", false}, {"center", false}}, f({33})}};
    return type;
}

} // namespace gradloom::layers
