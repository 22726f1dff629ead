#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType relu()
{
    return activationLayer("relu", "ReLU", "Lets positive numbers through and stops negative ones.",
        "y = max(x, 0)");
}

} // namespace gradloom::layers
