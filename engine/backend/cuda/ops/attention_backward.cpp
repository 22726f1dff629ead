#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp attention_backward()
{
    return {"attention_backward", addAttentionBackward};
}

} // namespace gradloom::cuda
