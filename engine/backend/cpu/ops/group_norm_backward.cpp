#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/group_norm.h"

namespace gradloom::cpu {

CpuOp group_norm_backward()
{
    return {"group_norm_backward", [](Preparation& p) {
                p.kernel = "sample blocks";
                const Shape& x = p.inShape(0);
                const Shape& statistics = p.inShape(2);
                const GroupNormShape shape{
                    statistics[0], x.elements() / statistics[0] / x[-1], x[-1], statistics[1]};
                const int64_t partials = p.common(groupNormPartials(shape));
                p.perThread(groupNormScratch(shape));
                GroupNormGradArgs args;
                args.x = p.in(0);
                args.gamma = p.in(1);
                args.mean = p.in(2);
                args.rstd = p.in(3);
                args.dy = p.in(4);
                args.dx = p.out(0);
                args.dgamma = p.out(1);
                args.dbeta = p.out(2);
                const auto ready = [args, partials, scratch = p.scratch](int thread) {
                    GroupNormGradArgs r = args;
                    r.partials = reinterpret_cast<float*>(scratch->common) + partials;
                    r.scratch = scratch->of(thread);
                    return r;
                };
                p.phase(groupNormUnits(shape), 10.0 * static_cast<double>(x.elements()),
                    [=](int64_t begin, int64_t end, int thread) {
                        groupNormGrad(shape, ready(thread), begin, end);
                    });
                p.phase(1, 0, [=](int64_t, int64_t, int) { groupNormGradFinish(shape, ready(0)); });
            }};
}

} // namespace gradloom::cpu
