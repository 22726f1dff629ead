#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp resize()
{
    return {"resize", [](Preparation& p) {
                p.each(p.outShape().elements(),
                    Resize{resizeShape(p.inShape(0), p.outShape()),
                        p.op.attributes.text("mode") == "bilinear", p.in(0), p.out()});
            }};
}

} // namespace gradloom::cuda
