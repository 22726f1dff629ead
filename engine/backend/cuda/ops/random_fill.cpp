#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp random_fill()
{
    return {"random_fill", [](Preparation& p) {
                const int64_t size = p.outShape().elements();
                if (p.op.attributes.text("kind") == "normal")
                    p.each(randomBlocks(size), RandomNormal{randomSource(p, 0), size, p.out()});
                else
                    p.each(randomBlocks(size), RandomUniform{randomSource(p, 0), size, p.out()});
            }};
}

} // namespace gradloom::cuda
