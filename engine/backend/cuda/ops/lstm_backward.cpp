#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp lstm_backward()
{
    return {"lstm_backward", addRecurrentBackward};
}

} // namespace gradloom::cuda
