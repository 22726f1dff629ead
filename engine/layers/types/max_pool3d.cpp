#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType max_pool3d()
{
    LayerType type = poolingLayer(3, true, "max_pool3d", "MaxPool3D");
    type.help = "Keeps the largest number of each window of a volume or a film: smaller volumes.";
    type.formula = "y(d,i,j,c) = max x(s·d+o, s·i+p, s·j+q, c)";
    return type;
}

} // namespace gradloom::layers
