#include "engine/backend/cpu/kernels/group_norm.h"
#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

CpuOp group_norm()
{
    return {"group_norm", [](Preparation& p) {
                p.kernel = "sample blocks";
                const Shape& x = p.inShape(0);
                const int64_t samples = p.outShape(1)[0];
                const GroupNormShape shape{samples, x.elements() / samples / x[-1], x[-1], p.outShape(1)[1]};
                p.perThread(groupNormScratch(shape));
                GroupNormArgs args;
                args.x = p.in(0);
                args.gamma = p.in(1);
                args.beta = p.in(2);
                args.epsilon = static_cast<float>(p.op.attributes.real("epsilon"));
                args.y = p.out(0);
                args.mean = p.out(1);
                args.rstd = p.out(2);
                p.phase(groupNormUnits(shape), 6.0 * static_cast<double>(x.elements()),
                    [shape, args, scratch = p.scratch](int64_t begin, int64_t end, int thread) {
                        GroupNormArgs ready = args;
                        ready.scratch = scratch->of(thread);
                        groupNorm(shape, ready, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
