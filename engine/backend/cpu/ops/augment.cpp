#include "engine/backend/cpu/cpu_op.h"
#include "engine/tensor/picture_change.h"

namespace gradloom::cpu {

/// The reference for GPUs; on the CPU the loader's threads change pictures beside the step.
CpuOp augment()
{
    return {"augment", [](Preparation& p) {
                const Shape& x = p.inShape(0);
                const AugmentTables tables{x[1], x[2], x[3], x[4], p.in(0), p.in(1), p.in<int32_t>(2)};
                float* y = p.out();
                p.kernel = "bilinear";
                p.phase(x[0] * x[2], 60.0 * static_cast<double>(x.elements()),
                    [=](int64_t begin, int64_t end, int) {
                        for (int64_t row = begin; row < end; ++row)
                            for (int64_t i = 0; i < tables.width * tables.channels; ++i)
                                y[row * tables.width * tables.channels + i] =
                                    tables.result(row / tables.height, row % tables.height,
                                        i / tables.channels, i % tables.channels);
                    });
            }};
}

} // namespace gradloom::cpu
