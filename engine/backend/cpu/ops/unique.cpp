#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/gather.h"

namespace gradloom::cpu {

CpuOp unique()
{
    return {"unique", [](Preparation& p) {
                p.kernel = "table of places";
                UniqueArgs args;
                args.shape = {p.inShape(0).elements(), p.op.attributes.integer("rows"), 0,
                    p.op.attributes.integer("padding")};
                args.indices = p.in<int32_t>(0);
                args.rows = p.out<int32_t>(0);
                args.places = p.out<int32_t>(1);
                const int64_t offset = p.common(args.shape.rows);
                p.phase(1, 0, [=, scratch = p.scratch](int64_t, int64_t, int) {
                    UniqueArgs ready = args;
                    ready.scratch = reinterpret_cast<int32_t*>(scratch->common) + offset;
                    unique(ready);
                });
            }};
}

} // namespace gradloom::cpu
