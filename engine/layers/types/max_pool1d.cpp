#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType max_pool1d()
{
    LayerType type = poolingLayer(1, true, "max_pool1d", "MaxPool1D");
    type.help = "Keeps the largest number of each window of steps: shorter sequences.";
    type.formula = "y(t,c) = max x(s·t+p, c)";
    return type;
}

} // namespace gradloom::layers
