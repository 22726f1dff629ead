#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation tanh()
{
    return {"tanh", "Tanh", "Squeezes numbers into −1 to 1.", "y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.unary("tanh", x); }};
}

} // namespace gradloom::layers
