#pragma once

#include "epilogue.h"

#include <cstdint>
#include <type_traits>

namespace gradloom::cpu {

inline constexpr int winogradMaxOut = 4; ///< side of the largest output tile
inline constexpr int winogradMinOut = 2; ///< of the smallest
inline constexpr int winogradPixels = winogradMaxOut * winogradMaxOut;
inline constexpr int winogradMaxTaps = 9;
inline constexpr int winogradMaxPoints = 6; ///< interpolation points along one side
inline constexpr int winogradMaxElements = winogradMaxPoints * winogradMaxPoints;

/// A transformed tile: one element for each pair of interpolation points, the first of all points on either
/// side. Element (i, j) of channel c is at data[i * rowStride + j * stride + c].
template <class Float>
struct WinogradTile
{
    Float* data;
    int64_t rowStride, stride;
    int rows, columns; ///< points

    operator WinogradTile<const Float>() const requires(!std::is_const_v<Float>)
    {
        return {data, rowStride, stride, rows, columns};
    }
};

/// The transforms for one size of kernel, compiled for one instruction set. An output tile has
/// points - taps + 1 pixels along a side, an input tile as many as points. Pixels are pointers to their
/// channels, row by row.
struct WinogradForm
{
    int taps; ///< side of the kernel

    /// to = B^T x B for the pixels of an input tile.
    void (*input)(const float* const* pixels, int64_t channels, const WinogradTile<float>& to);
    /// Adds B from B^T to the pixels of an input tile.
    void (*addInput)(const WinogradTile<const float>& from, int64_t channels, float* const* pixels);
    /// Stores activation(A^T from A + bias) at the pixels of an output tile.
    void (*output)(const WinogradTile<const float>& from, int64_t channels, const Epilogue& epilogue,
        float* const* pixels);
    /// to = A y A^T for the pixels of an output tile; adds their sum to `sum` unless that is null.
    void (*gradient)(const float* const* pixels, int64_t channels, const WinogradTile<float>& to, float* sum);
    /// to = G w G^T for the taps, which are `tapStride` floats apart.
    void (*weights)(const float* taps, int64_t tapStride, int64_t channels, const WinogradTile<float>& to);
    /// What a weight gradient is made from: the sum of `parts` copies `partStride` floats apart.
    struct WeightSum
    {
        WinogradTile<const float> from;
        int64_t parts = 1;
        int64_t partStride = 0;
    };
    /// Stores G^T sum G at the taps that are not null, or adds it to them.
    void (*weightGradient)(const WeightSum& sum, int64_t channels, float* const* taps, bool accumulate);
};

/// The transforms for kernels with `taps` x `taps` values, 2 or 3, of the instruction set in use.
const WinogradForm& winogradForm(int64_t taps);

} // namespace gradloom::cpu
