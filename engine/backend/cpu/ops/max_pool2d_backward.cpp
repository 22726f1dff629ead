#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp max_pool2d_backward()
{
    return {"max_pool2d_backward", [](Preparation& p) {
                p.kernel = "channel vectors";
                const PoolShape shape = poolShapeOf(p.op, p.outShape());
                const MaxPoolGradArgs args{p.in(0), p.in<void>(1), p.in(2), p.out()};
                p.phase(maxPoolGradUnits(shape), static_cast<double>(p.outShape().elements()),
                    [=](int64_t begin, int64_t end, int) { maxPoolGrad(shape, args, begin, end); });
            }};
}

} // namespace gradloom::cpu
