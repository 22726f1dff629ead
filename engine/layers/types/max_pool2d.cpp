#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType max_pool2d()
{
    LayerType type = poolingLayer(2, true, "max_pool2d", "MaxPool2D");
    type.help = "Keeps the largest number of each window: smaller maps, and small shifts stop to matter.";
    type.formula = "y(i,j,c) = max x(s·i+p, s·j+q, c)";
    return type;
}

} // namespace gradloom::layers
