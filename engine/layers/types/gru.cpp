#include "engine/layers/recurrent_layer.h"

namespace gradloom::layers {

LayerType gru()
{
    LayerType type = recurrentLayer("gru", "GRU", ir::gruKind());
    type.help = "Reads a sequence step by step; gates say how much of the state is kept and how much is new. "
                "Columns of the "
                "weights: reset, update, new. The reset gate acts behind the product, with a second bias, as "
                "in PyTorch and "
                "Keras.";
    type.formula = "r, z = σ(x·W + b₀ + h·U + b₁), n = tanh(x·W + b₀ + r∘(h·U + b₁)), h' = (1 − z)∘n + z∘h";
    return type;
}

} // namespace gradloom::layers
