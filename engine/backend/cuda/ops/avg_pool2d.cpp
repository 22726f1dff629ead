#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp avg_pool2d()
{
    return {
        "avg_pool2d", [](Preparation& p) {
            p.each(p.outShape().elements(), AveragePool{poolingShape(p.op, p.inShape(0)), p.in(0), p.out()});
        }};
}

} // namespace gradloom::cuda
