#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp fill()
{
    return {
        "fill", [](Preparation& p) {
            p.each(p.outShape().elements(), Fill{p.out(), static_cast<float>(p.op.attributes.real("value"))});
        }};
}

} // namespace gradloom::cuda
