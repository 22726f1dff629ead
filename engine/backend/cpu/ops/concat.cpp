#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/strided_copy.h"

namespace gradloom::cpu {

CpuOp concat()
{
    return {"concat", [](Preparation& p) {
                const auto axis = static_cast<int>(p.op.attributes.integer("axis"));
                const auto strides = denseStrides(p.outShape());
                uint32_t* target = p.out<uint32_t>();
                p.kernel = "in place";
                for (size_t i = 0; i < p.op.inputs.size(); ++i) {
                    const Shape& part = p.inShape(i);
                    // The planner may have put the part in its place already.
                    if (p.in<uint32_t>(i) != target)
                        addStridedCopy(p, {part, denseStrides(part), strides, p.in<uint32_t>(i), target});
                    target += part[axis] * strides[static_cast<size_t>(axis)];
                }
            }};
}

} // namespace gradloom::cpu
