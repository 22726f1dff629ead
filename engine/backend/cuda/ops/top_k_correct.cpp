#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp top_k_correct()
{
    return {"top_k_correct", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const TopK rows{p.in(0), p.in<int32_t>(1), p.out(), x[1], p.op.attributes.integer("k")};
                p.teams(x[0], rows, teamForRow(x[1]));
            }};
}

} // namespace gradloom::cuda
