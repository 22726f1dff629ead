#include "engine/backend/cuda/functors/rows.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp unique()
{
    return {"unique", [](Preparation& p) {
                GatherGradient indices;
                indices.indices = p.in<int32_t>(0);
                indices.count = p.inShape(0).elements();
                indices.rows = p.op.attributes.integer("rows");
                indices.padding = p.op.attributes.integer("padding");
                auto* isFirst = p.scratch<int32_t>(indices.count);
                auto* rows = p.out<int32_t>(0);
                p.teams(indices.count, GatherFirsts{indices, isFirst, rows, p.outShape(0).elements()}, {});
                p.teams(indices.count, UniquePlaces{indices, isFirst, rows, p.out<int32_t>(1)}, {});
            }};
}

} // namespace gradloom::cuda
