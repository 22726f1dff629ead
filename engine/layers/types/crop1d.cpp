#include "engine/layers/border.h"

namespace gradloom::layers {

LayerType crop1d()
{
    LayerType type = cropLayer(1, "crop1d", "Crop1D");
    type.help = "Cuts steps off the beginning and the end of a sequence.";
    type.formula = "y(t) = x(t + before)";
    return type;
}

} // namespace gradloom::layers
