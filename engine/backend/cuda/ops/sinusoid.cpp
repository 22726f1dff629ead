#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp sinusoid()
{
    return {"sinusoid", [](Preparation& p) {
                p.each(p.outShape().elements(), Sinusoid{p.out(), p.outShape()[1]});
            }};
}

} // namespace gradloom::cuda
