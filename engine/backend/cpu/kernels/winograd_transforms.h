#pragma once

#include "epilogue.h"

#include <cstdint>

namespace gradloom::cpu {

inline constexpr int winogradSide = 6; ///< of an input tile
inline constexpr int winogradOut = 4;  ///< side of an output tile
inline constexpr int winogradTaps = 3; ///< side of the kernel
inline constexpr int winogradElements = winogradSide * winogradSide;
inline constexpr int winogradPixels = winogradOut * winogradOut;

/// The transforms of one instruction set. Pixels are pointers to their channels, row by row; the 36 elements
/// of a transformed tile are `stride` floats apart.
struct WinogradTransforms
{
    /// to = B^T x B for the 36 pixels of an input tile.
    void (*input)(const float* const* pixels, int64_t channels, float* to, int64_t stride);
    /// Adds B from B^T to the 36 pixels of an input tile.
    void (*addInput)(const float* from, int64_t stride, int64_t channels, float* const* pixels);
    /// Stores activation(A^T from A + bias) at the 16 pixels of an output tile.
    void (*output)(
        const float* from, int64_t stride, int64_t channels, const Epilogue& epilogue, float* const* pixels);
    /// to = A y A^T for the 16 pixels of an output tile; adds their sum to `sum` unless that is null.
    void (*gradient)(const float* const* pixels, int64_t channels, float* to, int64_t stride, float* sum);
    /// to = G w G^T for the nine taps, which are `tapStride` floats apart.
    void (*weights)(const float* taps, int64_t tapStride, int64_t channels, float* to, int64_t stride);
    /// G^T from G into the nine taps; `from` is the sum of `parts` copies `partStride` floats apart.
    struct WeightSum
    {
        const float* from = nullptr;
        int64_t stride = 0;
        int64_t parts = 1;
        int64_t partStride = 0;
    };
    void (*weightGradient)(
        const WeightSum& sum, int64_t channels, float* taps, int64_t tapStride, bool accumulate);
};

/// The transforms of the instruction set in use.
const WinogradTransforms& winogradTransforms();

} // namespace gradloom::cpu
