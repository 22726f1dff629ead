#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/batch_norm.h"

namespace gradloom::cpu {

CpuOp batch_norm()
{
    return {"batch_norm", [](Preparation& p) {
                p.kernel = "row blocks, two passes";
                const Shape& x = p.inShape(0);
                const BatchNormShape shape{x.elements() / x[-1], x[-1]};
                const int64_t partials = p.common(batchNormPartials(shape));
                p.perThread(2 * shape.c);
                const auto scratch = p.scratch;
                const auto partialsAt = [=] { return reinterpret_cast<float*>(scratch->common) + partials; };
                BatchNormApplyArgs args;
                args.x = p.in(0);
                args.channels = {p.out(1), p.out(2), p.in(1), p.in(2),
                    static_cast<float>(p.op.attributes.real("epsilon"))};
                args.relu = p.op.attributes.textOr("activation", "none") == "relu";
                args.y = p.out(0);
                float* mean = p.out(1);
                float* variance = p.out(2);
                const double work = 4.0 * static_cast<double>(x.elements());
                p.phase(batchNormUnits(shape), work, [=](int64_t begin, int64_t end, int) {
                    batchNormStats(shape, args.x, partialsAt(), begin, end);
                });
                p.phase(1, 0, [=](int64_t, int64_t, int) { batchNormFinish(shape, partialsAt(), mean, variance); });
                p.phase(batchNormUnits(shape), work, [=](int64_t begin, int64_t end, int thread) {
                    BatchNormApplyArgs ready = args;
                    ready.scratch = scratch->of(thread);
                    batchNormApply(shape, ready, begin, end);
                });
            }};
}

} // namespace gradloom::cpu
