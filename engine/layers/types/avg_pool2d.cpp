#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType avg_pool2d()
{
    LayerType type = poolingLayer(2, false, "avg_pool2d", "AvgPool2D");
    type.help = "Averages each window, without its padding: smaller, smoother maps.";
    type.formula = "y(i,j,c) = mean x(s·i+p, s·j+q, c)";
    return type;
}

} // namespace gradloom::layers
