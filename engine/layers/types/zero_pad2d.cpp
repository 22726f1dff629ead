#include "engine/layers/border.h"

namespace gradloom::layers {

LayerType zero_pad2d()
{
    LayerType type = zeroPadLayer(2, "zero_pad2d", "ZeroPad2D");
    type.help = "Puts zeros around a picture.";
    type.formula = "y(i,j) = x(i − top, j − left), 0 outside";
    return type;
}

} // namespace gradloom::layers
