#include "engine/backend/cpu/recurrent_phases.h"

namespace gradloom::cpu {

CpuOp rnn()
{
    return {"rnn", prepareRecurrent};
}

} // namespace gradloom::cpu
