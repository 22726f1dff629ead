#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp slice()
{
    return {"slice", [](Preparation& p) {
                const auto strides = denseStrides(p.inShape(0));
                const auto& start = p.op.attributes.list("start");
                CopyLayout copy{
                    p.outShape(), strides, denseStrides(p.outShape()), p.in<uint32_t>(0), p.out<uint32_t>()};
                for (size_t i = 0; i < start.size(); ++i)
                    copy.source += start[i] * strides[i];
                addCopy(p, copy);
            }};
}

} // namespace gradloom::cuda
