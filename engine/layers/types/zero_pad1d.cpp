#include "engine/layers/border.h"

namespace gradloom::layers {

LayerType zero_pad1d()
{
    LayerType type = zeroPadLayer(1, "zero_pad1d", "ZeroPad1D");
    type.help = "Puts zeros before and after a sequence.";
    type.formula = "y(t) = x(t − before), 0 outside";
    return type;
}

} // namespace gradloom::layers
