#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp pointwise()
{
    return {"pointwise", [](Preparation& p) { addPointwise(p, p.op.code); }};
}

} // namespace gradloom::cuda
