#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/pointwise_translation.h"

namespace gradloom::cpu {

CpuOp pointwise_rows()
{
    return {"pointwise_rows", [](Preparation& p) { preparePointwiseRows(p, p.op.code); }};
}

} // namespace gradloom::cpu
