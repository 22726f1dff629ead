#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/attention.h"

namespace gradloom::cpu {

CpuOp attention_backward()
{
    return {"attention_backward", [](Preparation& p) {
                const AttentionShape shape = attentionShapeOf(p);
                p.kernel = "query blocks " + tileName();
                p.perThread(attentionGradScratch(shape));
                AttentionGradArgs args;
                args.in = attentionOperandsOf(p);
                args.y = p.in(5);
                args.logSum = p.in(6);
                args.dy = p.in(7);
                args.dq = p.out(0);
                args.dk = p.out(1);
                args.dv = p.out(2);
                const auto key = shape.rate > 0 ? randomKeyOf(p, 4) : [] { return RandomKey(); };
                p.phase(attentionUnits(shape), 2.5 * attentionWork(shape),
                    [=, scratch = p.scratch](int64_t begin, int64_t end, int thread) {
                        AttentionGradArgs ready = args;
                        ready.in.key = key();
                        ready.in.scratch = scratch->of(thread);
                        attentionGrad(shape, ready, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
