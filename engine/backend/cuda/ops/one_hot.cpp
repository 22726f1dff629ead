#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp one_hot()
{
    return {"one_hot", [](Preparation& p) {
                p.each(p.outShape().elements(), OneHot{p.in<int32_t>(0), p.out(), p.outShape()[1]});
            }};
}

} // namespace gradloom::cuda
