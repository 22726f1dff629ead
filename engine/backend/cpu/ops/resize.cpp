#include "engine/backend/cpu/kernels/resize.h"
#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

CpuOp resize()
{
    return {"resize", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const Shape& y = p.outShape();
                const ResizeShape shape{
                    x[0], x[1], x[2], x[3], y[1], y[2], p.op.attributes.text("mode") == "bilinear"};
                p.kernel = shape.bilinear ? "bilinear" : "nearest pixel";
                const float* source = p.in(0);
                float* target = p.out();
                p.phase(resizeUnits(shape), 8.0 * static_cast<double>(y.elements()),
                    [=](int64_t begin, int64_t end, int) { resize(shape, source, target, begin, end); });
            }};
}

} // namespace gradloom::cpu
