#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType sigmoid()
{
    return activationLayer("sigmoid", "Sigmoid", "Squeezes numbers into 0 to 1: a probability of yes or no.",
        "y = 1 / (1 + e⁻ˣ)");
}

} // namespace gradloom::layers
