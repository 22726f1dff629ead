#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp softmax_backward()
{
    return {"softmax_backward", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                p.teams(x.elements() / x[-1], SoftmaxGradient{p.in(0), p.in(1), p.out(), x[-1]},
                    teamForRow(x[-1]));
            }};
}

} // namespace gradloom::cuda
