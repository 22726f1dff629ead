#include "engine/layers/border.h"

namespace gradloom::layers {

LayerType crop2d()
{
    LayerType type = cropLayer(2, "crop2d", "Crop2D");
    type.help = "Cuts rows and columns off the border of a picture.";
    type.formula = "y(i,j) = x(i + top, j + left)";
    return type;
}

} // namespace gradloom::layers
