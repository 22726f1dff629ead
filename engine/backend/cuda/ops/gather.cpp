#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp gather()
{
    return {"gather", [](Preparation& p) {
                const Shape& table = p.inShape(0);
                p.each(p.outShape(0).elements(), Gather{p.in(0), p.in<int32_t>(1), p.out(0), p.out(1),
                                                     table[0], table[1], p.op.attributes.integer("padding")});
            }};
}

} // namespace gradloom::cuda
