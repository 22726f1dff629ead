#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/softmax.h"

namespace gradloom::cpu {

CpuOp softmax_cross_entropy_backward()
{
    return {"softmax_cross_entropy_backward", [](Preparation& p) {
                p.kernel = "rows";
                const Shape& x = p.inShape(0);
                const RowsShape shape{x[0], x[1]};
                const CrossEntropyGradArgs args{p.in(0), p.in<int32_t>(1), p.in(2), 1.0F, p.out()};
                p.phase(shape.rows, 4.0 * static_cast<double>(x.elements()),
                    [=](int64_t begin, int64_t end, int) { crossEntropyGrad(shape, args, begin, end); });
            }};
}

} // namespace gradloom::cpu
