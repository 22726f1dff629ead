#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp avg_pool2d_backward()
{
    return {"avg_pool2d_backward", [](Preparation& p) {
                p.kernel = "channel vectors";
                const PoolShape shape = poolShapeOf(p.op, p.outShape());
                const float* dy = p.in(0);
                float* dx = p.out();
                p.phase(averagePoolGradUnits(shape), static_cast<double>(p.outShape().elements()),
                    [=](int64_t begin, int64_t end, int) { averagePoolGrad(shape, false, dy, dx, begin, end); });
            }};
}

} // namespace gradloom::cpu
