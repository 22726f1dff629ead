#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/resize.h"

namespace gradloom::cpu {

CpuOp resize_backward()
{
    return {"resize_backward", [](Preparation& p) {
                const Shape& x = p.outShape();
                const Shape& y = p.inShape(0);
                const ResizeShape shape{
                    x[0], x[1], x[2], x[3], y[1], y[2], p.op.attributes.text("mode") == "bilinear"};
                p.kernel = shape.bilinear ? "bilinear" : "nearest pixel";
                const float* source = p.in(0);
                float* target = p.out();
                p.phase(resizeGradUnits(shape), 8.0 * static_cast<double>(y.elements()),
                    [=](int64_t begin, int64_t end, int) { resizeGrad(shape, source, target, begin, end); });
            }};
}

} // namespace gradloom::cpu
