#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/gather.h"

namespace gradloom::cpu {

CpuOp gather_gradient_rows()
{
    return {"gather_gradient_rows", [](Preparation& p) {
                p.kernel = "rows that occur";
                GatherRowsArgs args;
                args.shape = {p.inShape(1).elements(), p.op.attributes.integer("rows"), p.outShape()[1],
                    p.op.attributes.integer("padding")};
                args.gradient = p.in(0);
                args.indices = p.in<int32_t>(1);
                args.values = p.out(0);
                args.rows = p.out<int32_t>(1);
                const int64_t offset = p.common(gatherRowsScratch(args.shape));
                const auto ready = [args, offset, scratch = p.scratch] {
                    GatherRowsArgs result = args;
                    result.scratch = reinterpret_cast<int32_t*>(scratch->common) + offset;
                    return result;
                };
                p.phase(1, 0, [ready](int64_t, int64_t, int) { gatherRowsFind(ready()); });
                p.phase(gatherRowsMost(args.shape),
                    2.0 * static_cast<double>(args.shape.count * args.shape.width),
                    [ready](int64_t begin, int64_t end, int) { gatherRowsSum(ready(), begin, end); });
            }};
}

} // namespace gradloom::cpu
