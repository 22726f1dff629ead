#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/softmax.h"

namespace gradloom::cpu {

CpuOp softmax_backward()
{
    return {"softmax_backward", [](Preparation& p) {
                p.kernel = "rows";
                const Shape& x = p.inShape(0);
                const RowsShape shape{x.elements() / x[-1], x[-1]};
                const float* y = p.in(0);
                const float* dy = p.in(1);
                float* dx = p.out();
                p.phase(shape.rows, 4.0 * static_cast<double>(x.elements()),
                    [=](int64_t begin, int64_t end, int) { softmaxGrad(shape, y, dy, dx, begin, end); });
            }};
}

} // namespace gradloom::cpu
