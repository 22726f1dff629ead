#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/softmax.h"

namespace gradloom::cpu {

CpuOp softmax_cross_entropy()
{
    return {"softmax_cross_entropy", [](Preparation& p) {
                p.kernel = "rows";
                const Shape& x = p.inShape(0);
                const RowsShape shape{x[0], x[1]};
                const CrossEntropyArgs args{p.in(0), p.in<int32_t>(1), p.out(1), p.out(0)};
                p.phase(shape.rows, 20.0 * static_cast<double>(x.elements()),
                    [=](int64_t begin, int64_t end, int) { crossEntropy(shape, args, begin, end); });
            }};
}

} // namespace gradloom::cpu
