#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType silu()
{
    return activationLayer("silu", "SiLU", "A smooth ReLU, also called swish.",
        "y = x / (1 + e⁻ˣ)");
}

} // namespace gradloom::layers
