#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType gelu()
{
    return activationLayer("gelu", "GELU", "A smooth ReLU that weighs each number by how likely a normal one is smaller.",
        "y = x · ½(1 + erf(x / √2))");
}

} // namespace gradloom::layers
