#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/ir/random_places.h"

namespace gradloom::cpu {

CpuOp random_fill()
{
    return {"random_fill", [](Preparation& p) {
                const bool normal = p.op.attributes.text("kind") == "normal";
                p.kernel = normal ? "Philox, Box-Muller" : "Philox";
                for (const ir::RandomPart& part : ir::randomParts(p.op.attributes, p.outShape().elements())) {
                    RandomFillArgs args;
                    args.size = part.count;
                    args.y = p.out() + part.first;
                    p.phase(randomUnits(args.size), 40.0 * static_cast<double>(args.size),
                        [args, normal, key = randomKeyOf(p, 0, part.place)](int64_t begin, int64_t end, int) {
                            RandomFillArgs ready = args;
                            ready.key = key();
                            if (normal)
                                randomNormal(ready, 0, 1, begin, end);
                            else
                                randomUniform(ready, 0, 1, begin, end);
                        });
                }
            }};
}

} // namespace gradloom::cpu
