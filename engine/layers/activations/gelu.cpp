#include "engine/layers/activation.h"

#include <cmath>

namespace gradloom::layers {

/// Hendrycks and Gimpel 2016.
Activation gelu()
{
    return {"gelu", "GELU", "A smooth ReLU that weighs each number by how likely a normal one is smaller.",
        "y = x · ½(1 + erf(x / √2))", [](ir::Builder& b, ir::ValueId x, const Params&) {
            return b.mul(b.scale(x, 0.5), b.offset(b.unary("erf", b.scale(x, std::sqrt(0.5))), 1));
        }};
}

} // namespace gradloom::layers
