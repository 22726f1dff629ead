#include "engine/backend/cpu/kernels/gather.h"
#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

CpuOp gather()
{
    return {"gather", [](Preparation& p) {
                p.kernel = "row copy";
                GatherArgs args;
                args.shape = {p.inShape(1).elements(), p.inShape(0)[0], p.inShape(0)[1],
                    p.op.attributes.integer("padding")};
                args.table = p.in(0);
                args.indices = p.in<int32_t>(1);
                args.rows = p.out(0);
                args.mask = p.out(1);
                p.phase(args.shape.count, 2.0 * static_cast<double>(args.shape.count * args.shape.width),
                    [args](int64_t begin, int64_t end, int) { gather(args, begin, end); });
            }};
}

} // namespace gradloom::cpu
