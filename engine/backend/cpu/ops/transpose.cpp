#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/strided_copy.h"

namespace gradloom::cpu {

CpuOp transpose()
{
    return {"transpose", [](Preparation& p) {
                const auto strides = denseStrides(p.inShape(0));
                const auto& order = p.op.attributes.list("order");
                StridedCopy copy{p.outShape(), {}, denseStrides(p.outShape()), p.in<uint32_t>(0), p.out<uint32_t>()};
                for (size_t i = 0; i < order.size(); ++i)
                    copy.sourceStride[i] = strides[static_cast<size_t>(order[i])];
                addStridedCopy(p, copy);
            }};
}

} // namespace gradloom::cpu
