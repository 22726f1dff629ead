#include "engine/backend/cuda/op_parts.h"

#include "engine/ir/random_places.h"

namespace gradloom::cuda {

CudaOp dropout()
{
    return {"dropout", [](Preparation& p) {
                const DropoutRule rule(static_cast<float>(p.op.attributes.real("rate")));
                for (const ir::RandomPart& part : ir::randomParts(p.op.attributes, p.outShape().elements())) {
                    const RandomRange range(part.count, part.place);
                    p.each(range.blocks(), Dropout{randomSource(p, 1), rule, range, p.in(0) + part.first,
                                               p.out() + part.first});
                }
            }};
}

} // namespace gradloom::cuda
