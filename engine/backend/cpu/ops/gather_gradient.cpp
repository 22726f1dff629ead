#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/gather.h"

namespace gradloom::cpu {

CpuOp gather_gradient()
{
    return {"gather_gradient", [](Preparation& p) {
                p.kernel = "column blocks";
                GatherGradientArgs args;
                args.shape = {p.inShape(1).elements(), p.outShape()[0], p.outShape()[1],
                    p.op.attributes.integer("padding")};
                args.gradient = p.in(0);
                args.indices = p.in<int32_t>(1);
                args.table = p.out();
                const int64_t rows = args.shape.rows;
                const int64_t width = args.shape.width;
                p.phase(rows, static_cast<double>(rows * width),
                    [table = args.table, width](int64_t begin, int64_t end, int) {
                        std::fill(table + begin * width, table + end * width, 0.0F);
                    });
                p.phase(gatherGradientUnits(args.shape), 2.0 * static_cast<double>(args.shape.count * width),
                    [args](int64_t begin, int64_t end, int) { gatherGradient(args, begin, end); });
            }};
}

} // namespace gradloom::cpu
