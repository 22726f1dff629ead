#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp pointwise_rows()
{
    return {"pointwise_rows", [](Preparation& p) { addPointwiseRows(p, p.op.code); }};
}

} // namespace gradloom::cuda
