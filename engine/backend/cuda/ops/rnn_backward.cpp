#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp rnn_backward()
{
    return {"rnn_backward", addRecurrentBackward};
}

} // namespace gradloom::cuda
