#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation leaky_relu()
{
    return {"leaky_relu", "LeakyReLU",
        "Like ReLU, but negative numbers leak through a little, so no unit dies.", "y = x if x > 0, else α·x",
        [](ir::Builder& b, ir::ValueId x, const Params& p) {
            return b.unary("leaky_relu", x, p.real("negative_slope"));
        },
        {realParam("negative_slope", "Negative slope", 0.01, 0, 1, "α: the slope for negative numbers.")},
        {{{"negative_slope", 0.2}}}};
}

} // namespace gradloom::layers
