#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp dropout()
{
    return {"dropout", [](Preparation& p) {
                const int64_t size = p.outShape().elements();
                const DropoutRule rule(static_cast<float>(p.op.attributes.real("rate")));
                p.each(randomBlocks(size), Dropout{randomSource(p, 1), rule, size, p.in(0), p.out()});
            }};
}

} // namespace gradloom::cuda
