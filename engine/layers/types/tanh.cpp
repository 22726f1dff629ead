#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType tanh()
{
    return activationLayer("tanh", "Tanh", "Squeezes numbers into −1 to 1.",
        "y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)");
}

} // namespace gradloom::layers
