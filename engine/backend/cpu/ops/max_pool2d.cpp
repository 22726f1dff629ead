#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp max_pool2d()
{
    return {"max_pool2d", [](Preparation& p) {
                p.kernel = "channel vectors";
                const PoolShape shape = poolShapeOf(p.op, p.inShape(0));
                const MaxPoolArgs args{p.in(0), p.out(0), p.out<void>(1)};
                p.phase(maxPoolUnits(shape), static_cast<double>(p.inShape(0).elements()),
                    [=](int64_t begin, int64_t end, int) { maxPool(shape, args, begin, end); });
            }};
}

} // namespace gradloom::cpu
