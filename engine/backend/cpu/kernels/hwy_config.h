#pragma once

// Included before any Highway header. Sizeless vectors (SVE, RVV) cannot be members of arrays, which the
// microkernel needs for its accumulators; such machines use NEON or the scalar fallback. SSSE3 without SSE4
// died out in 2008 and would only add compile time.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
