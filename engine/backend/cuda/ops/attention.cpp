#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp attention()
{
    return {"attention", addAttention};
}

} // namespace gradloom::cuda
