#pragma once

#include "epilogue.h"

#include <cstdint>

namespace gradloom::cpu {

inline constexpr int winogradOut = 4; ///< side of an output tile
inline constexpr int winogradPixels = winogradOut * winogradOut;
inline constexpr int winogradMaxTaps = 9;
inline constexpr int winogradMaxElements = 36;

/// The transforms for one size of kernel, compiled for one instruction set. Pixels are pointers to their
/// channels, row by row; the elements of a transformed tile are `stride` floats apart.
struct WinogradForm
{
    int taps; ///< side of the kernel
    int side; ///< of an input tile
    int elements() const { return side * side; }

    /// to = B^T x B for the pixels of an input tile.
    void (*input)(const float* const* pixels, int64_t channels, float* to, int64_t stride);
    /// Adds B from B^T to the pixels of an input tile.
    void (*addInput)(const float* from, int64_t stride, int64_t channels, float* const* pixels);
    /// Stores activation(A^T from A + bias) at the 16 pixels of an output tile.
    void (*output)(
        const float* from, int64_t stride, int64_t channels, const Epilogue& epilogue, float* const* pixels);
    /// to = A y A^T for the 16 pixels of an output tile; adds their sum to `sum` unless that is null.
    void (*gradient)(const float* const* pixels, int64_t channels, float* to, int64_t stride, float* sum);
    /// to = G w G^T for the taps, which are `tapStride` floats apart.
    void (*weights)(const float* taps, int64_t tapStride, int64_t channels, float* to, int64_t stride);
    /// What a weight gradient is made from: the sum of `parts` copies `partStride` floats apart.
    struct WeightSum
    {
        const float* from = nullptr;
        int64_t stride = 0;
        int64_t parts = 1;
        int64_t partStride = 0;
    };
    /// Stores G^T sum G at the taps that are not null, or adds it to them.
    void (*weightGradient)(const WeightSum& sum, int64_t channels, float* const* taps, bool accumulate);
};

/// The transforms for kernels with `taps` x `taps` values, 2 or 3, of the instruction set in use.
const WinogradForm& winogradForm(int64_t taps);

} // namespace gradloom::cpu
