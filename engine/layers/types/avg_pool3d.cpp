#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType avg_pool3d()
{
    LayerType type = poolingLayer(3, false, "avg_pool3d", "AvgPool3D");
    type.help = "Averages each window of a volume or a film, without its padding: smaller, smoother volumes.";
    type.formula = "y(d,i,j,c) = mean x(s·d+o, s·i+p, s·j+q, c)";
    return type;
}

} // namespace gradloom::layers
