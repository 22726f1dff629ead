#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp softmax()
{
    return {"softmax", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                p.teams(x.elements() / x[-1], Softmax{p.in(0), p.out(), x[-1], false}, teamForRow(x[-1]));
            }};
}

} // namespace gradloom::cuda
