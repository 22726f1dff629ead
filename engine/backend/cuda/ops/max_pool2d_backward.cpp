#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp max_pool2d_backward()
{
    return {
        "max_pool2d_backward", [](Preparation& p) {
            const WindowShape shape = poolingShape(p.op, p.outShape());
            const int64_t count = p.outShape().elements();
            if (p.inType(1) == DType::U8)
                p.each(count, MaxPoolGradient<uint8_t>{shape, p.in(0), p.in<uint8_t>(1), p.in(2), p.out()});
            else
                p.each(count, MaxPoolGradient<int32_t>{shape, p.in(0), p.in<int32_t>(1), p.in(2), p.out()});
        }};
}

} // namespace gradloom::cuda
