#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/strided_copy.h"

namespace gradloom::cpu {

CpuOp pad()
{
    return {"pad", [](Preparation& p) {
                const auto strides = denseStrides(p.outShape());
                const auto& before = p.op.attributes.list("before");
                StridedCopy copy{p.inShape(0), denseStrides(p.inShape(0)), strides, p.in<uint32_t>(0), p.out<uint32_t>()};
                for (size_t i = 0; i < before.size(); ++i)
                    copy.target += before[i] * strides[i];
                float* all = p.out();
                const int64_t size = p.outShape().elements();
                p.phase(size, static_cast<double>(size),
                    [=](int64_t begin, int64_t end, int) { std::fill(all + begin, all + end, 0.0F); });
                addStridedCopy(p, copy);
            }};
}

} // namespace gradloom::cpu
