#pragma once

#include "gemm.h"

namespace gradloom::cpu {

/// Packs the columns [firstColumn, firstColumn + width) of B, those past its end as zeros, as
/// out[k * width + j]: one panel of the microkernel.
void packPanel(const GemmOperand& shape, const float* b, int64_t firstColumn, int64_t width, float* out);

} // namespace gradloom::cpu
