#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/ir/random_places.h"

namespace gradloom::cpu {

CpuOp dropout()
{
    return {"dropout", [](Preparation& p) {
                p.kernel = "Philox";
                for (const ir::RandomPart& part : ir::randomParts(p.op.attributes, p.outShape().elements())) {
                    DropoutArgs args;
                    args.rate = static_cast<float>(p.op.attributes.real("rate"));
                    args.size = part.count;
                    args.x = p.in(0) + part.first;
                    args.y = p.out() + part.first;
                    p.phase(randomUnits(args.size), 20.0 * static_cast<double>(args.size),
                        [args, key = randomKeyOf(p, 1, part.place)](int64_t begin, int64_t end, int) {
                            DropoutArgs ready = args;
                            ready.key = key();
                            dropout(ready, begin, end);
                        });
                }
            }};
}

} // namespace gradloom::cpu
