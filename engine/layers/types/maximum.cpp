#include "engine/layers/merge.h"

namespace gradloom::layers {

LayerType maximum()
{
    LayerType type = mergeLayer("maximum", "Maximum", "max");
    type.help = "The largest of its inputs, number by number.";
    type.formula = "y = max(x₁, x₂, …)";
    return type;
}

} // namespace gradloom::layers
