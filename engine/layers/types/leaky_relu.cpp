#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType leaky_relu()
{
    LayerType type = activationLayer("leaky_relu", "LeakyReLU",
        "Like ReLU, but negative numbers leak through a little, so no unit dies.", "y = x if x > 0, else α·x");
    type.parameters = {realParam("negative_slope", "Negative slope", 0.01, 0, 1, "α: the slope for negative numbers.")};
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.unary("leaky_relu", c.in(), c.params.real("negative_slope"))};
    };
    type.summary = [](const Params& p) { return "α = " + formatParam(p.real("negative_slope")); };
    type.samples.push_back({{{"negative_slope", 0.2}}, {{Shape{9}, DType::F32}}});
    return type;
}

} // namespace gradloom::layers
