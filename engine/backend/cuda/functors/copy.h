#pragma once

#include "engine/backend/cuda/functors/window.h"

namespace gradloom::cuda {

/// Every element takes one value; by elements.
struct Fill
{
    float* y = nullptr;
    float value = 0;

    GRADLOOM_DEVICE void operator()(int64_t i) const { y[i] = value; }
};

/// Copies 32-bit elements between two layouts: transpose, slice, pad, broadcast and concat. By elements, in
/// the order of the target's dimensions.
struct StridedCopy
{
    static constexpr int maxRank = 6;
    int rank = 0;
    int64_t extent[maxRank] = {};
    int64_t sourceStride[maxRank] = {};
    int64_t targetStride[maxRank] = {};
    const uint32_t* source = nullptr;
    uint32_t* target = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        int64_t from = 0;
        int64_t to = 0;
        for (int axis = rank - 1; axis > 0; --axis) {
            const Division d = divide(i, extent[axis]);
            from += d.rest * sourceStride[axis];
            to += d.rest * targetStride[axis];
            i = d.quotient;
        }
        if (rank > 0) {
            from += i * sourceStride[0];
            to += i * targetStride[0];
        }
        target[to] = source[from];
    }

    int64_t elements() const
    {
        int64_t count = 1;
        for (int axis = 0; axis < rank; ++axis)
            count *= extent[axis];
        return count;
    }

    /// Joins dimensions that lie behind each other in source and target, and drops those of extent one: every
    /// one less is a division less for each element.
    void simplify()
    {
        int kept = 0;
        for (int axis = 0; axis < rank; ++axis) {
            if (extent[axis] == 1)
                continue;
            const int before = kept - 1;
            if (kept > 0 && sourceStride[before] == sourceStride[axis] * extent[axis] &&
                targetStride[before] == targetStride[axis] * extent[axis]) {
                extent[before] *= extent[axis];
                sourceStride[before] = sourceStride[axis];
                targetStride[before] = targetStride[axis];
                continue;
            }
            extent[kept] = extent[axis];
            sourceStride[kept] = sourceStride[axis];
            targetStride[kept] = targetStride[axis];
            ++kept;
        }
        rank = kept;
    }
};

/// y = activation(x + bias) over rows of `columns`; by groups of elements of one row. x may be y, bias null.
template <int Width>
struct BiasActivation
{
    const float* x = nullptr;
    const float* bias = nullptr;
    float* y = nullptr;
    int64_t columns = 1;
    bool relu = false;

    GRADLOOM_DEVICE void operator()(int64_t group) const
    {
        const int64_t first = group * Width;
        Lanes<Width> v = loadLanes<Width>(x + first);
        const int64_t column = bias != nullptr ? divide(first, columns).rest : 0;
        for (int k = 0; k < Width; ++k) {
            if (bias != nullptr)
                v.v[k] += bias[column + k];
            v.v[k] = relu ? rectified(v.v[k]) : v.v[k];
        }
        storeLanes(v, y + first);
    }
};

/// A bfloat16 number as its upper bits of a float.
struct Bf16
{
    uint16_t bits;
};

/// To the nearest, halfway to even; NaN stays NaN.
GRADLOOM_DEVICE Bf16 toBf16(float x)
{
    const auto bits = static_cast<uint32_t>(bitsOf(x));
    if (x != x)
        return {static_cast<uint16_t>((bits >> 16) | 0x40U)};
    return {static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}

GRADLOOM_DEVICE float fromBf16(Bf16 x)
{
    return floatOf(static_cast<int32_t>(static_cast<uint32_t>(x.bits) << 16));
}

GRADLOOM_DEVICE void store(float value, float* to)
{
    *to = value;
}

GRADLOOM_DEVICE void store(float value, Bf16* to)
{
    *to = toBf16(value);
}

GRADLOOM_DEVICE float valueOf(float x)
{
    return x;
}

GRADLOOM_DEVICE float valueOf(Bf16 x)
{
    return fromBf16(x);
}

/// y = x in another number format; by elements.
template <class From, class To>
struct Convert
{
    const From* x = nullptr;
    To* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const { store(valueOf(x[i]), y + i); }
};

/// y (columns × rows) = xᵀ, x being rows × columns, in another number format; by elements of y.
template <class From, class To>
struct ConvertTransposed
{
    const From* x = nullptr;
    To* y = nullptr;
    int64_t rows = 0;
    int64_t columns = 0;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Division d = divide(i, rows);
        store(valueOf(x[d.rest * columns + d.quotient]), y + i);
    }
};

using CopyFloat = Convert<float, float>;
using FloatToBf16 = Convert<float, Bf16>;
using Bf16ToFloat = Convert<Bf16, float>;
using TransposeFloat = ConvertTransposed<float, float>;
using TransposeToBf16 = ConvertTransposed<float, Bf16>;
using TransposeFromBf16 = ConvertTransposed<Bf16, float>;

/// An image in the middle of a larger one.
struct ImageFrame
{
    int64_t height = 0, width = 0, channels = 0;
    int64_t top = 0, left = 0;
    int64_t paddedHeight = 0, paddedWidth = 0;
};

/// Pixels of x (N×H×W×C) in the middle of a larger image y, zeros around it; by elements of y.
template <class To>
struct PadImage
{
    const float* x = nullptr;
    To* y = nullptr;
    ImageFrame f;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, f.paddedHeight, f.paddedWidth, f.channels);
        const int64_t row = p.y - f.top;
        const int64_t column = p.x - f.left;
        const bool inside = row >= 0 && row < f.height && column >= 0 && column < f.width;
        store(inside ? x[((p.n * f.height + row) * f.width + column) * f.channels + p.c] : 0.0F, y + i);
    }
};

/// The middle of a larger image x as y (N×H×W×C); by elements of y.
template <class From>
struct CropImage
{
    const From* x = nullptr;
    float* y = nullptr;
    ImageFrame f;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, f.height, f.width, f.channels);
        y[i] = valueOf(
            x[((p.n * f.paddedHeight + p.y + f.top) * f.paddedWidth + p.x + f.left) * f.channels + p.c]);
    }
};

/// Row t, column i of the table of positions: sin(t / 10000^(2i/size)) or the cosine of it; by elements.
struct Sinusoid
{
    float* y = nullptr;
    int64_t size = 1;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const Division d = divide(index, size);
        const double exponent = static_cast<double>(d.rest / 2 * 2) / static_cast<double>(size);
        const double angle = static_cast<double>(d.quotient) / pow(10000.0, exponent);
        y[index] = static_cast<float>(d.rest % 2 == 0 ? sin(angle) : cos(angle));
    }
};

} // namespace gradloom::cuda
