#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType global_max_pool2d()
{
    LayerType type = globalMaxPoolLayer(2, "global_max_pool2d", "GlobalMaxPool2D");
    type.help = "The largest number of each channel over the whole picture: one number a channel, whatever "
                "the picture's size.";
    type.formula = "y(c) = max over i, j of x(i,j,c)";
    return type;
}

} // namespace gradloom::layers
