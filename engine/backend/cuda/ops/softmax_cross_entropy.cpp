#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp softmax_cross_entropy()
{
    return {"softmax_cross_entropy", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const CrossEntropy rows{p.in(0), p.in<int32_t>(1), p.out(1), p.out(0), x[1]};
                p.teams(x[0], rows, teamForRow(x[1]));
            }};
}

} // namespace gradloom::cuda
