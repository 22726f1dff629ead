#include "engine/layers/merge.h"

namespace gradloom::layers {

LayerType average()
{
    LayerType type = mergeLayer("average", "Average", "add", true);
    type.help = "The mean of its inputs, number by number.";
    type.formula = "y = (x₁ + x₂ + … + xₙ) / n";
    return type;
}

} // namespace gradloom::layers
