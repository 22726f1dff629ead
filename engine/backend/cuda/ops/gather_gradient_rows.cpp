#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp gather_gradient_rows()
{
    return {"gather_gradient_rows", [](Preparation& p) {
                const Shape& values = p.outShape(0);
                const int64_t count = p.inShape(1).elements();
                const GatherGradient sums{p.in(0), p.in<int32_t>(1), p.out(0), count,
                    p.op.attributes.integer("rows"), values[1], p.op.attributes.integer("padding")};
                auto* rows = p.out<int32_t>(1);
                auto* isFirst = p.scratch<int32_t>(count);
                p.launch([to = p.out(0), bytes = values.elements() * 4](
                             const Context& context) { zeroBytes(context, to, bytes); });
                p.teams(count, GatherFirsts{sums, isFirst, rows, values[0]}, {});
                p.teams(count, GatherRowsGradient{sums, isFirst, rows}, {});
            }};
}

} // namespace gradloom::cuda
