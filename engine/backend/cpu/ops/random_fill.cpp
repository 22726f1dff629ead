#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp random_fill()
{
    return {"random_fill", [](Preparation& p) {
                RandomFillArgs args;
                args.size = p.outShape().elements();
                args.y = p.out();
                const bool normal = p.op.attributes.text("kind") == "normal";
                p.kernel = normal ? "Philox, Box-Muller" : "Philox";
                p.phase(randomUnits(args.size), 40.0 * static_cast<double>(args.size),
                    [args, normal, key = randomKeyOf(p, 0)](int64_t begin, int64_t end, int) {
                        RandomFillArgs ready = args;
                        ready.key = key();
                        if (normal)
                            randomNormal(ready, 0, 1, begin, end);
                        else
                            randomUniform(ready, 0, 1, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
