#include "engine/backend/cpu/cpu_op.h"

#include <cmath>
#include <memory>

namespace gradloom::cpu {

CpuOp sinusoid()
{
    return {"sinusoid", [](Preparation& p) {
                p.kernel = "table";
                const int64_t steps = p.outShape()[0];
                const int64_t size = p.outShape()[1];
                // Computed once: a step only copies it.
                const auto table = std::make_shared<std::vector<float>>();
                for (int64_t t = 0; t < steps; ++t)
                    for (int64_t i = 0; i < size; ++i) {
                        const double exponent = static_cast<double>(i / 2 * 2) / static_cast<double>(size);
                        const double angle = static_cast<double>(t) / std::pow(10000.0, exponent);
                        table->push_back(static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle)));
                    }
                float* target = p.out();
                p.phase(steps, static_cast<double>(table->size()), [=](int64_t begin, int64_t end, int) {
                    std::copy(
                        table->begin() + begin * size, table->begin() + end * size, target + begin * size);
                });
            }};
}

} // namespace gradloom::cpu
