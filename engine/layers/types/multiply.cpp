#include "engine/layers/merge.h"

namespace gradloom::layers {

LayerType multiply()
{
    LayerType type = mergeLayer("multiply", "Multiply", "mul");
    type.help =
        "Multiplies its inputs number by number: one input opens or closes the other, as a gate does.";
    type.formula = "y = x₁ · x₂ · …";
    return type;
}

} // namespace gradloom::layers
