#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp max_pool2d()
{
    return {"max_pool2d", [](Preparation& p) {
                const WindowShape shape = poolingShape(p.op, p.inShape(0));
                const int64_t count = p.outShape().elements();
                if (p.outType(1) == DType::U8)
                    p.each(count, MaxPool<uint8_t>{shape, p.in(0), p.out(0), p.out<uint8_t>(1)});
                else
                    p.each(count, MaxPool<int32_t>{shape, p.in(0), p.out(0), p.out<int32_t>(1)});
            }};
}

} // namespace gradloom::cuda
