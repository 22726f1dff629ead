#include "engine/backend/cpu/cpu_op.h"

namespace gradloom::cpu {

CpuOp top_k_correct()
{
    return {"top_k_correct", [](Preparation& p) {
                p.kernel = "rows";
                const float* scores = p.in(0);
                const int32_t* labels = p.in<int32_t>(1);
                float* correct = p.out();
                const int64_t classes = p.inShape(0)[1];
                const int64_t k = p.op.attributes.integer("k");
                p.phase(p.inShape(0)[0], static_cast<double>(p.inShape(0).elements()),
                    [=](int64_t begin, int64_t end, int) {
                        for (int64_t i = begin; i < end; ++i) {
                            const float* row = scores + i * classes;
                            const int32_t label = labels[i];
                            int64_t before = label >= 0 && label < classes ? 0 : k;
                            for (int64_t c = 0; c < classes && before < k; ++c)
                                before += row[c] > row[label] || (row[c] == row[label] && c < label);
                            correct[i] = before < k ? 1.0F : 0.0F;
                        }
                    });
            }};
}

} // namespace gradloom::cpu
