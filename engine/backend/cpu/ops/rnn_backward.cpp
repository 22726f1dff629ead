#include "engine/backend/cpu/recurrent_phases.h"

namespace gradloom::cpu {

CpuOp rnn_backward()
{
    return {"rnn_backward", prepareRecurrentBackward};
}

} // namespace gradloom::cpu
