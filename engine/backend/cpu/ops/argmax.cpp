#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/softmax.h"

namespace gradloom::cpu {

CpuOp argmax()
{
    return {"argmax", [](Preparation& p) {
                p.kernel = "rows";
                const RowsShape shape{p.inShape(0)[0], p.inShape(0)[1]};
                const float* x = p.in(0);
                auto* index = p.out<int32_t>();
                p.phase(shape.rows, static_cast<double>(p.inShape(0).elements()),
                    [=](int64_t begin, int64_t end, int) { argmaxRows(shape, x, index, begin, end); });
            }};
}

} // namespace gradloom::cpu
