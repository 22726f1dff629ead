#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp argmax()
{
    return {"argmax", [](Preparation& p) {
                p.teams(p.inShape(0)[0], Argmax{p.in(0), p.out<int32_t>(), p.inShape(0)[1]},
                    teamForRow(p.inShape(0)[1]));
            }};
}

} // namespace gradloom::cuda
