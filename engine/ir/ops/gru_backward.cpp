#include "engine/ir/recurrent.h"

namespace gradloom::ir {

OpType gru_backward()
{
    return recurrentBackwardOp(gruKind());
}

} // namespace gradloom::ir
