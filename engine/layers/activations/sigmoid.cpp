#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation sigmoid()
{
    return {"sigmoid", "Sigmoid", "Squeezes numbers into 0 to 1: a probability of yes or no.",
        "y = 1 / (1 + e⁻ˣ)",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.unary("sigmoid", x); }};
}

} // namespace gradloom::layers
