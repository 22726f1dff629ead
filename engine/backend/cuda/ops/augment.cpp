#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp augment()
{
    return {"augment", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                p.each(p.outShape().elements(),
                    Augment{{x[1], x[2], x[3], x[4], p.in(0), p.in(1), p.in<int32_t>(2)}, p.out()});
            }};
}

} // namespace gradloom::cuda
