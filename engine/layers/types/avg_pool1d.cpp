#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType avg_pool1d()
{
    LayerType type = poolingLayer(1, false, "avg_pool1d", "AvgPool1D");
    type.help = "Averages each window of steps, without its padding: shorter, smoother sequences.";
    type.formula = "y(t,c) = mean x(s·t+p, c)";
    return type;
}

} // namespace gradloom::layers
