#include "engine/ir/recurrent.h"

namespace gradloom::ir {

const RecurrentKind& gruKind()
{
    static const RecurrentKind kind{"gru",
        "Gated recurrent unit over a sequence; gates in the order reset, update, new: n = tanh(x·w + b₀ + "
        "σ(r)∘(h·u + "
        "b₁)), h' = (1−σ(z))∘n + σ(z)∘h. The bias has two rows, b₀ and b₁. Cho et al. 2014, with the reset "
        "gate behind "
        "the product as in cuDNN, PyTorch and Keras.",
        3, 2, false, 4};
    return kind;
}

OpType gru()
{
    return recurrentOp(gruKind());
}

} // namespace gradloom::ir
