#include "engine/backend/cpu/recurrent_phases.h"

namespace gradloom::cpu {

CpuOp lstm()
{
    return {"lstm", prepareRecurrent};
}

} // namespace gradloom::cpu
