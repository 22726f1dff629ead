#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp rnn()
{
    return {"rnn", addRecurrent};
}

} // namespace gradloom::cuda
