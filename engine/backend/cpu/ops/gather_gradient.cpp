#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/gather.h"

namespace gradloom::cpu {

CpuOp gather_gradient()
{
    return {"gather_gradient", [](Preparation& p) {
                p.kernel = "rows in order";
                GatherGradientArgs args;
                args.shape = {p.inShape(1).elements(), p.outShape()[0], p.outShape()[1],
                    p.op.attributes.integer("padding")};
                args.gradient = p.in(0);
                args.indices = p.in<int32_t>(1);
                args.table = p.out();
                const int64_t offset = p.common(gatherGradientScratch(args.shape));
                const auto ready = [args, offset, scratch = p.scratch] {
                    GatherGradientArgs result = args;
                    result.scratch = reinterpret_cast<int32_t*>(scratch->common) + offset;
                    return result;
                };
                p.phase(1, 0, [ready](int64_t, int64_t, int) { gatherGradientFind(ready()); });
                const int64_t units = gatherGradientUnits(args.shape);
                p.phase(units, 2.0 * static_cast<double>(units * args.shape.width),
                    [ready](int64_t begin, int64_t end, int) { gatherGradient(ready(), begin, end); });
            }};
}

} // namespace gradloom::cpu
