#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp gru_backward()
{
    return {"gru_backward", addRecurrentBackward};
}

} // namespace gradloom::cuda
