#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType elu()
{
    LayerType type = activationLayer(
        "elu", "ELU", "Like ReLU, but bends smoothly to −α for negative numbers.", "y = x if x > 0, else α·(eˣ − 1)");
    type.parameters = {realParam("alpha", "Alpha", 1, 0, 10, "α: what very negative numbers approach, negated.")};
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.unary("elu", c.in(), c.params.real("alpha"))};
    };
    type.summary = [](const Params& p) { return "α = " + formatParam(p.real("alpha")); };
    type.samples.push_back({{{"alpha", 0.5}}, {{Shape{9}, DType::F32}}});
    return type;
}

} // namespace gradloom::layers
