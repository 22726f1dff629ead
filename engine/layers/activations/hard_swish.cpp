#include "engine/layers/activation.h"

namespace gradloom::layers {

/// Howard et al., "Searching for MobileNetV3", 2019.
Activation hard_swish()
{
    return {"hard_swish", "HardSwish", "SiLU made of straight lines and a parabola: cheap on small devices.",
        "y = x · min(max(x + 3, 0), 6) / 6", [](ir::Builder& b, ir::ValueId x, const Params&) {
            return b.mul(x, b.scale(b.unary("minimum_scalar", b.unary("relu", b.offset(x, 3)), 6), 1.0 / 6));
        }};
}

} // namespace gradloom::layers
