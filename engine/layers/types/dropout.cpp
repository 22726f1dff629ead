#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType dropout()
{
    LayerType type;
    type.id = "dropout";
    type.title = "Dropout";
    type.category = "regularization";
    type.help = "During training sets a random share of the numbers to zero, so that no unit relies on a single other one.";
    type.formula = "y = x · mask / (1 − p)";
    type.parameters = {realParam("rate", "Rate", 0.5, 0, 0.99, "p: share of the numbers that is dropped.")};
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred { return in[0]; };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        if (!c.training || c.params.real("rate") == 0)
            return {c.in()};
        return {c.drop(c.in(), c.params.real("rate"), c.randomStream())};
    };
    type.summary = [](const Params& p) { return "p = " + formatParam(p.real("rate")); };
    type.samples = {{{{"rate", 0.3}}, {{Shape{20}, DType::F32}}}, {{}, {{Shape{3, 4, 2}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
