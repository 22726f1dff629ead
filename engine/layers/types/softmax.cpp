#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType softmax()
{
    return activationLayer("softmax", "Softmax", "Turns scores into probabilities that sum to 1 along the last dimension.",
        "yᵢ = e^xᵢ / Σⱼ e^xⱼ");
}

} // namespace gradloom::layers
