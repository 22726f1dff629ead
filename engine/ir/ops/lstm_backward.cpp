#include "engine/ir/recurrent.h"

namespace gradloom::ir {

OpType lstm_backward()
{
    return recurrentBackwardOp(lstmKind());
}

} // namespace gradloom::ir
