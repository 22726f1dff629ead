#include "engine/backend/cpu/recurrent_phases.h"

namespace gradloom::cpu {

CpuOp gru()
{
    return {"gru", prepareRecurrent};
}

} // namespace gradloom::cpu
