#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

CpuOp fill()
{
    return {"fill", [](Preparation& p) {
                p.kernel = "fill";
                float* target = p.out();
                const auto value = static_cast<float>(p.op.attributes.real("value"));
                const int64_t size = p.outShape().elements();
                p.phase(size, static_cast<double>(size), [=](int64_t begin, int64_t end, int) {
                    std::fill(target + begin, target + end, value);
                });
            }};
}

} // namespace gradloom::cpu
