#include "engine/layers/merge.h"

namespace gradloom::layers {

LayerType add()
{
    LayerType type = mergeLayer("add", "Add", "add");
    type.help = "Adds its inputs number by number: the shortcut of a residual network.";
    type.formula = "y = x₁ + x₂ + …";
    return type;
}

} // namespace gradloom::layers
