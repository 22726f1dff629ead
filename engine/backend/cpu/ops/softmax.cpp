#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/softmax.h"

namespace gradloom::cpu {

CpuOp softmax()
{
    return {"softmax", [](Preparation& p) {
                p.kernel = "rows";
                const Shape& x = p.inShape(0);
                const RowsShape shape{x.elements() / x[-1], x[-1]};
                const float* source = p.in(0);
                float* target = p.out();
                p.phase(shape.rows, 20.0 * static_cast<double>(x.elements()),
                    [=](int64_t begin, int64_t end, int) { softmax(shape, source, target, begin, end); });
            }};
}

} // namespace gradloom::cpu
