#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

CpuOp one_hot()
{
    return {"one_hot", [](Preparation& p) {
                p.kernel = "rows";
                const int32_t* labels = p.in<int32_t>(0);
                float* rows = p.out();
                const int64_t classes = p.outShape()[1];
                p.phase(p.outShape()[0], static_cast<double>(p.outShape().elements()),
                    [=](int64_t begin, int64_t end, int) {
                        std::fill(rows + begin * classes, rows + end * classes, 0.0F);
                        for (int64_t i = begin; i < end; ++i)
                            if (labels[i] >= 0 && labels[i] < classes)
                                rows[i * classes + labels[i]] = 1.0F;
                    });
            }};
}

} // namespace gradloom::cpu
