#include "engine/layers/activation.h"

namespace gradloom::layers {

Activation log_softmax()
{
    return {"log_softmax", "LogSoftmax",
        "The logarithms of Softmax's probabilities along the last dimension, exact also where these are "
        "tiny.",
        "yᵢ = xᵢ − ln Σⱼ e^xⱼ",
        [](ir::Builder& b, ir::ValueId x, const Params&) { return b.op("log_softmax", {x}); }};
}

} // namespace gradloom::layers
