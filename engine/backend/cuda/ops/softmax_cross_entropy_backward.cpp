#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp softmax_cross_entropy_backward()
{
    return {"softmax_cross_entropy_backward", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                p.each(x.elements(), CrossEntropyGradient{p.in(0), p.in<int32_t>(1), p.in(2), p.out(), x[1]});
            }};
}

} // namespace gradloom::cuda
