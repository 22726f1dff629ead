#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/pointwise_translation.h"

namespace gradloom::cpu {

CpuOp pointwise()
{
    return {"pointwise", [](Preparation& p) { preparePointwise(p, p.op.code); }};
}

} // namespace gradloom::cpu
