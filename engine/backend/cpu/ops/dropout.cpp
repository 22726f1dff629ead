#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/random.h"

namespace gradloom::cpu {

CpuOp dropout()
{
    return {"dropout", [](Preparation& p) {
                DropoutArgs args;
                args.key.stream = static_cast<uint32_t>(p.op.attributes.integer("stream"));
                args.rate = static_cast<float>(p.op.attributes.real("rate"));
                args.size = p.outShape().elements();
                args.x = p.in(0);
                args.y = p.out();
                const int32_t* counter = p.in<int32_t>(1);
                p.phase(randomUnits(args.size), 20.0 * static_cast<double>(args.size),
                    [=](int64_t begin, int64_t end, int) {
                        DropoutArgs ready = args;
                        ready.key.seed = static_cast<uint32_t>(counter[0]) |
                            static_cast<uint64_t>(static_cast<uint32_t>(counter[1])) << 32;
                        ready.key.step = static_cast<uint32_t>(counter[2]);
                        dropout(ready, begin, end);
                    });
            }};
}

} // namespace gradloom::cpu
