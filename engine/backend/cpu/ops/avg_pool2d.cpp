#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp avg_pool2d()
{
    return {"avg_pool2d", [](Preparation& p) {
                p.kernel = "channel vectors";
                const PoolShape shape = poolShapeOf(p.op, p.inShape(0));
                const float* x = p.in(0);
                float* y = p.out();
                p.phase(averagePoolUnits(shape), static_cast<double>(p.inShape(0).elements()),
                    [=](int64_t begin, int64_t end, int) { averagePool(shape, false, x, y, begin, end); });
            }};
}

} // namespace gradloom::cpu
