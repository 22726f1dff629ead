#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation silu()
{
    return {"silu", "SiLU", "A smooth ReLU, also called swish.", "y = x / (1 + e⁻ˣ)",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.mul(x, b.unary("sigmoid", x)); }};
}

} // namespace gradloom::layers
