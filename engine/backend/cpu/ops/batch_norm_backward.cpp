#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/batch_norm.h"

namespace gradloom::cpu {

CpuOp batch_norm_backward()
{
    return {"batch_norm_backward", [](Preparation& p) {
                p.kernel = "row blocks, two passes";
                const Shape& x = p.inShape(0);
                const BatchNormShape shape{x.elements() / x[-1], x[-1]};
                const int64_t partials = p.common(batchNormPartials(shape));
                p.perThread(4 * shape.c);
                BatchNormGradArgs args;
                args.x = p.in(0);
                args.dy = p.in(4);
                args.channels = {p.in(2), p.in(3), p.in(1), p.in(5),
                    static_cast<float>(p.op.attributes.real("epsilon"))};
                args.relu = p.op.attributes.textOr("activation", "none") == "relu";
                args.dx = p.out(0);
                args.dgamma = p.out(1);
                args.dbeta = p.out(2);
                const auto ready = [args, partials, scratch = p.scratch](int thread) {
                    BatchNormGradArgs r = args;
                    r.partials = reinterpret_cast<float*>(scratch->common) + partials;
                    r.scratch = scratch->of(thread);
                    return r;
                };
                const double work = 6.0 * static_cast<double>(x.elements());
                p.phase(batchNormUnits(shape), work, [=](int64_t begin, int64_t end, int thread) {
                    batchNormGradSums(shape, ready(thread), begin, end);
                });
                p.phase(1, 0, [=](int64_t, int64_t, int) { batchNormGradFinish(shape, ready(0)); });
                p.phase(batchNormUnits(shape), work, [=](int64_t begin, int64_t end, int thread) {
                    batchNormGradApply(shape, ready(thread), begin, end);
                });
            }};
}

} // namespace gradloom::cpu
