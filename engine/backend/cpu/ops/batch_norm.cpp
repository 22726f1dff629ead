#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp batch_norm()
{
    return {"batch_norm", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const BatchNormShape shape{x.elements() / x[-1], x[-1]};
                BatchNormApplyArgs args;
                args.x = p.in(0);
                args.relu = p.op.attributes.textOr("activation", "none") == "relu";
                args.y = p.out(0);
                const bool measured = p.has(3);
                p.kernel = measured ? "row blocks, one pass" : "row blocks, two passes";
                args.channels = {measured ? p.in(3) : p.out(1), measured ? p.in(4) : p.out(2), p.in(1),
                    p.in(2), static_cast<float>(p.op.attributes.real("epsilon"))};
                if (!measured)
                    addBatchStatistics(p, shape, args.x, {p.out(1), p.out(2)});
                p.perThread(2 * shape.c);
                const double work = 4.0 * static_cast<double>(x.elements());
                p.phase(batchNormUnits(shape), work,
                    [=, scratch = p.scratch](int64_t begin, int64_t end, int thread) {
                        BatchNormApplyArgs ready = args;
                        ready.scratch = scratch->of(thread);
                        batchNormApply(shape, ready, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
