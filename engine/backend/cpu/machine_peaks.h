#pragma once

namespace gradloom::cpu {

/// What this machine can do at best, measured: the roof of Williams et al., "Roofline", 2009.
struct MachinePeaks
{
    double gflops = 0; ///< single-precision fused multiply-adds (two operations each), 10⁹ a second
    double gigabytesPerSecond = 0; ///< copying blocks that no cache holds, bytes read and written
};

/// Measures with so many threads at the same time; takes some tenths of a second and 128 MB a thread.
MachinePeaks measurePeaks(int threads);

} // namespace gradloom::cpu
