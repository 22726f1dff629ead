#include "engine/layers/pooling.h"

namespace gradloom::layers {

LayerType global_max_pool1d()
{
    LayerType type = globalMaxPoolLayer(1, "global_max_pool1d", "GlobalMaxPool1D");
    type.help = "The largest number of each channel over the whole sequence: one number a channel, whatever "
                "its length.";
    type.formula = "y(c) = max over t of x(t,c)";
    return type;
}

} // namespace gradloom::layers
