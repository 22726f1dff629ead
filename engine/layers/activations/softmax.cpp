#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation softmax()
{
    return {"softmax", "Softmax", "Turns scores into probabilities that sum to 1 along the last dimension.",
        "yᵢ = e^xᵢ / Σⱼ e^xⱼ",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.op("softmax", {x}); }};
}

} // namespace gradloom::layers
