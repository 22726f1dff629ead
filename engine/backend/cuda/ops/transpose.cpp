#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp transpose()
{
    return {"transpose", [](Preparation& p) {
                const auto strides = denseStrides(p.inShape(0));
                const auto& order = p.op.attributes.list("order");
                CopyLayout copy{
                    p.outShape(), {}, denseStrides(p.outShape()), p.in<uint32_t>(0), p.out<uint32_t>()};
                for (size_t i = 0; i < order.size(); ++i)
                    copy.sourceStride[i] = strides[static_cast<size_t>(order[i])];
                addCopy(p, copy);
            }};
}

} // namespace gradloom::cuda
