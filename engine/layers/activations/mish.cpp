#include "engine/layers/activation.h"

namespace gradloom::layers {

/// Misra 2019.
Activation mish()
{
    return {"mish", "Mish", "A smooth ReLU that dips a little below zero and never saturates above.",
        "y = x · tanh(ln(1 + eˣ))", [](ir::Builder& b, ir::ValueId x, const Params&) {
            return b.mul(x, b.unary("tanh", b.unary("softplus", x)));
        }};
}

} // namespace gradloom::layers
