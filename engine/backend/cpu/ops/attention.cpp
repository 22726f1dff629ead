#include "engine/backend/cpu/kernels/attention.h"
#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp attention()
{
    return {"attention", [](Preparation& p) {
                const AttentionShape shape = attentionShapeOf(p);
                p.kernel = "query blocks " + tileName();
                p.perThread(attentionScratch(shape));
                AttentionArgs args;
                args.in = attentionOperandsOf(p);
                args.y = p.out(0);
                args.logSum = p.out(1);
                const auto key = shape.rate > 0 ? randomKeyOf(p, 4) : [] { return RandomKey(); };
                p.phase(attentionUnits(shape), attentionWork(shape),
                    [=, scratch = p.scratch](int64_t begin, int64_t end, int thread) {
                        AttentionArgs ready = args;
                        ready.in.key = key();
                        ready.in.scratch = scratch->of(thread);
                        attention(shape, ready, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
