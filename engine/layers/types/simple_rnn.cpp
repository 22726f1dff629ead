#include "engine/layers/recurrent_layer.h"

namespace gradloom::layers {

LayerType simple_rnn()
{
    LayerType type = recurrentLayer("simple_rnn", "SimpleRNN", ir::rnnKind());
    type.help = "Reads a sequence step by step and mixes each step with its own last result. Forgets within "
                "some ten steps: "
                "LSTM and GRU remember longer.";
    type.formula = "h' = f(x·W + h·U + b)";
    type.parameters.push_back(
        choiceParam("activation", "Activation", "tanh", {{"tanh", "Tanh"}, {"relu", "ReLU"}},
            "f: tanh keeps the state bounded; ReLU does not, and wants small recurrent weights."));
    type.samples.push_back(
        {{{"units", int64_t{4}}, {"activation", std::string("relu")}, {"output", std::string("sequence")}},
            {{Shape{3, 3}, DType::F32}}});
    return type;
}

} // namespace gradloom::layers
