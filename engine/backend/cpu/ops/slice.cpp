#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/strided_copy.h"

namespace gradloom::cpu {

CpuOp slice()
{
    return {"slice", [](Preparation& p) {
                const auto strides = denseStrides(p.inShape(0));
                const auto& start = p.op.attributes.list("start");
                StridedCopy copy{p.outShape(), strides, denseStrides(p.outShape()), p.in<uint32_t>(0), p.out<uint32_t>()};
                for (size_t i = 0; i < start.size(); ++i)
                    copy.source += start[i] * strides[i];
                addStridedCopy(p, copy);
            }};
}

} // namespace gradloom::cpu
