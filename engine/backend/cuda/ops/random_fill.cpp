#include "engine/backend/cuda/op_parts.h"

#include "engine/ir/random_places.h"

namespace gradloom::cuda {

CudaOp random_fill()
{
    return {"random_fill", [](Preparation& p) {
                const bool normal = p.op.attributes.text("kind") == "normal";
                for (const ir::RandomPart& part : ir::randomParts(p.op.attributes, p.outShape().elements())) {
                    const RandomRange range(part.count, part.place);
                    float* to = p.out() + part.first;
                    if (normal)
                        p.each(range.blocks(), RandomNormal{randomSource(p, 0), range, to});
                    else
                        p.each(range.blocks(), RandomUniform{randomSource(p, 0), range, to});
                }
            }};
}

} // namespace gradloom::cuda
