#include "engine/ir/recurrent.h"

namespace gradloom::ir {

OpType rnn_backward()
{
    return recurrentBackwardOp(rnnKind());
}

} // namespace gradloom::ir
