#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp gru()
{
    return {"gru", addRecurrent};
}

} // namespace gradloom::cuda
