#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"

namespace gradloom::cpu {

CpuOp dropout()
{
    return {"dropout", [](Preparation& p) {
                p.kernel = "Philox";
                DropoutArgs args;
                args.rate = static_cast<float>(p.op.attributes.real("rate"));
                args.size = p.outShape().elements();
                args.x = p.in(0);
                args.y = p.out();
                p.phase(randomUnits(args.size), 20.0 * static_cast<double>(args.size),
                    [args, key = randomKeyOf(p, 1)](int64_t begin, int64_t end, int) {
                        DropoutArgs ready = args;
                        ready.key = key();
                        dropout(ready, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
