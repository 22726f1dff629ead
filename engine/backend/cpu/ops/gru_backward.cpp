#include "engine/backend/cpu/recurrent_phases.h"

namespace gradloom::cpu {

CpuOp gru_backward()
{
    return {"gru_backward", prepareRecurrentBackward};
}

} // namespace gradloom::cpu
