#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp resize_backward()
{
    return {"resize_backward", [](Preparation& p) {
                p.each(p.outShape().elements(),
                    ResizeGradient{resizeShape(p.outShape(), p.inShape(0)),
                        p.op.attributes.text("mode") == "bilinear", p.in(0), p.out()});
            }};
}

} // namespace gradloom::cuda
