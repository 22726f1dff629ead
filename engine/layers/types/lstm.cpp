#include "engine/layers/recurrent_layer.h"

namespace gradloom::layers {

LayerType lstm()
{
    LayerType type = recurrentLayer("lstm", "LSTM", ir::lstmKind());
    type.help = "Reads a sequence step by step and keeps a memory that gates write, keep and read. Columns "
                "of the weights: "
                "input, forget, cell, output gate.";
    type.formula = "i, f, o = σ(x·W + h·U + b), g = tanh(x·W + h·U + b), c' = f∘c + i∘g, h' = o∘tanh(c')";
    type.parameters.push_back(switchParam("unit_forget_bias", "Forget bias 1", true,
        "The forget gate's bias starts at 1, so that a new network remembers (Jozefowicz et al. 2015)."));
    return type;
}

} // namespace gradloom::layers
