#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation softplus()
{
    return {"softplus", "Softplus", "A smooth ReLU that is above zero everywhere: for deviations and rates.",
        "y = ln(1 + eˣ)",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.unary("softplus", x); }};
}

} // namespace gradloom::layers
