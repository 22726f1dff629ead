#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp lstm()
{
    return {"lstm", addRecurrent};
}

} // namespace gradloom::cuda
