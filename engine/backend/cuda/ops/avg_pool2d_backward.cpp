#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp avg_pool2d_backward()
{
    return {"avg_pool2d_backward", [](Preparation& p) {
                p.each(p.outShape().elements(),
                    AveragePoolGradient{poolingShape(p.op, p.outShape()), p.in(0), p.out()});
            }};
}

} // namespace gradloom::cuda
