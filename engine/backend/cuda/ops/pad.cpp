#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

CudaOp pad()
{
    return {"pad", [](Preparation& p) {
                const auto strides = denseStrides(p.outShape());
                const auto& before = p.op.attributes.list("before");
                CopyLayout copy{
                    p.inShape(0), denseStrides(p.inShape(0)), strides, p.in<uint32_t>(0), p.out<uint32_t>()};
                for (size_t i = 0; i < before.size(); ++i)
                    copy.target += before[i] * strides[i];
                p.launch([to = p.out(), bytes = p.outShape().elements() * 4](
                             const Context& context) { zeroBytes(context, to, bytes); });
                addCopy(p, copy);
            }};
}

} // namespace gradloom::cuda
