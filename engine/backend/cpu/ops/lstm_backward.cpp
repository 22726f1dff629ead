#include "engine/backend/cpu/recurrent_phases.h"

namespace gradloom::cpu {

CpuOp lstm_backward()
{
    return {"lstm_backward", prepareRecurrentBackward};
}

} // namespace gradloom::cpu
