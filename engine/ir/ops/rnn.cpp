#include "engine/ir/recurrent.h"

namespace gradloom::ir {

const RecurrentKind& rnnKind()
{
    static const RecurrentKind kind{"rnn",
        "h' = f(x·w + h·u + b), f being tanh or relu as the option activation says, over a sequence. Elman "
        "1990.",
        1, 1, false, 0};
    return kind;
}

OpType rnn()
{
    return recurrentOp(rnnKind());
}

} // namespace gradloom::ir
