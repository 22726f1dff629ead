#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp gather_gradient()
{
    return {"gather_gradient", [](Preparation& p) {
                const Shape& table = p.outShape();
                const int64_t count = p.inShape(1).elements();
                p.launch([to = p.out(), bytes = table.elements() * 4](
                             const Context& context) { zeroBytes(context, to, bytes); });
                p.teams(count,
                    GatherGradient{p.in(0), p.in<int32_t>(1), p.out(), count, table[0], table[1],
                        p.op.attributes.integer("padding")},
                    {});
            }};
}

} // namespace gradloom::cuda
