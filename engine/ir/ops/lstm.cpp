#include "engine/ir/recurrent.h"

namespace gradloom::ir {

const RecurrentKind& lstmKind()
{
    static const RecurrentKind kind{"lstm",
        "Long short-term memory over a sequence; gates in the order input, forget, cell, output: c' = σ(f)∘c "
        "+ "
        "σ(i)∘tanh(g), h' = σ(o)∘tanh(c'). Hochreiter and Schmidhuber 1997, Gers et al. 2000.",
        4, 1, true, 5};
    return kind;
}

OpType lstm()
{
    return recurrentOp(lstmKind());
}

} // namespace gradloom::ir
