#pragma once

#include "engine/backend/cuda/functors/portable.h"
#include "engine/tensor/picture_change.h"

/// Pooling, resizing, augmentation and direct convolution over images (N×H×W×C).
namespace gradloom::cuda {

/// Sizes of a convolution or pooling: the image h×w, the result oh×ow.
struct WindowShape
{
    int64_t n = 0, h = 0, w = 0, c = 0;
    int64_t kh = 1, kw = 1;
    int64_t oh = 0, ow = 0;
    int64_t strideH = 1, strideW = 1;
    int64_t dilationH = 1, dilationW = 1;
    int64_t padTop = 0, padLeft = 0, padBottom = 0, padRight = 0;
    int64_t k = 0;      ///< filters of a convolution
    int64_t groups = 1; ///< of a convolution

    /// The smallest window position whose window without dilation may cover `place`.
    static GRADLOOM_DEVICE int64_t firstWindow(int64_t place, int64_t pad, int64_t reach, int64_t stride)
    {
        const int64_t from = place + pad - reach + 1;
        return from <= 0 ? 0 : (from + stride - 1) / stride;
    }
};

/// The place of an element in n×h×w×c.
struct Pixel
{
    int64_t n, y, x, c;

    GRADLOOM_DEVICE Pixel(int64_t index, int64_t h, int64_t w, int64_t channels)
    {
        const Division byC = divide(index, channels);
        const Division byX = divide(byC.quotient, w);
        const Division byY = divide(byX.quotient, h);
        n = byY.quotient;
        y = byY.rest;
        x = byX.rest;
        c = byC.rest;
    }
};

/// Largest element of each window and which one it was; by elements of y. NaN wins, the first of equals
/// stays.
template <class Index>
struct MaxPool
{
    WindowShape s;
    const float* x = nullptr;
    float* y = nullptr;
    Index* index = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.oh, s.ow, s.c);
        const int64_t top = p.y * s.strideH - s.padTop;
        const int64_t left = p.x * s.strideW - s.padLeft;
        const int64_t firstRow = maxOf(-top, 0);
        const int64_t firstColumn = maxOf(-left, 0);
        float best = -INFINITY;
        int64_t winner = firstRow * s.kw + firstColumn;
        for (int64_t r = firstRow; r < minOf(s.kh, s.h - top); ++r)
            for (int64_t q = firstColumn; q < minOf(s.kw, s.w - left); ++q) {
                const float v = x[((p.n * s.h + top + r) * s.w + left + q) * s.c + p.c];
                if (v > best || v != v) {
                    best = v;
                    winner = r * s.kw + q;
                }
            }
        y[i] = best;
        index[i] = static_cast<Index>(winner);
    }
};

/// Each element of the image collects from the windows that it won; by elements of dx.
template <class Index>
struct MaxPoolGradient
{
    WindowShape s;
    const float* dy = nullptr;
    const Index* index = nullptr;
    const float* reluOutput = nullptr; ///< gradients where it is not above zero are dropped; null: none are
    float* dx = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.h, s.w, s.c);
        float sum = 0;
        for (int64_t oy = WindowShape::firstWindow(p.y, s.padTop, s.kh, s.strideH); oy < s.oh; ++oy) {
            const int64_t r = p.y + s.padTop - oy * s.strideH;
            if (r < 0)
                break;
            for (int64_t ox = WindowShape::firstWindow(p.x, s.padLeft, s.kw, s.strideW); ox < s.ow; ++ox) {
                const int64_t q = p.x + s.padLeft - ox * s.strideW;
                if (q < 0)
                    break;
                const int64_t at = ((p.n * s.oh + oy) * s.ow + ox) * s.c + p.c;
                if (static_cast<int64_t>(index[at]) == r * s.kw + q &&
                    (reluOutput == nullptr || reluOutput[at] > 0.0F))
                    sum += dy[at];
            }
        }
        dx[i] = sum;
    }
};

/// Part of a window along one axis that lies within the image.
GRADLOOM_DEVICE int64_t realExtent(int64_t out, int64_t stride, int64_t pad, int64_t kernel, int64_t size)
{
    const int64_t start = out * stride - pad;
    return maxOf(minOf(kernel, size - start) - maxOf(-start, 0), 0);
}

/// Mean of each window over the elements that are not padding; by elements of y.
struct AveragePool
{
    WindowShape s;
    const float* x = nullptr;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.oh, s.ow, s.c);
        const int64_t top = p.y * s.strideH - s.padTop;
        const int64_t left = p.x * s.strideW - s.padLeft;
        float sum = 0;
        for (int64_t r = maxOf(top, 0); r < minOf(top + s.kh, s.h); ++r)
            for (int64_t q = maxOf(left, 0); q < minOf(left + s.kw, s.w); ++q)
                sum += x[((p.n * s.h + r) * s.w + q) * s.c + p.c];
        const int64_t real = realExtent(p.y, s.strideH, s.padTop, s.kh, s.h) *
                             realExtent(p.x, s.strideW, s.padLeft, s.kw, s.w);
        y[i] = sum / static_cast<float>(maxOf(real, 1));
    }
};

/// By elements of dx.
struct AveragePoolGradient
{
    WindowShape s;
    const float* dy = nullptr;
    float* dx = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.h, s.w, s.c);
        float sum = 0;
        for (int64_t oy = WindowShape::firstWindow(p.y, s.padTop, s.kh, s.strideH);
             oy < s.oh && p.y + s.padTop - oy * s.strideH >= 0; ++oy) {
            const int64_t rows = realExtent(oy, s.strideH, s.padTop, s.kh, s.h);
            for (int64_t ox = WindowShape::firstWindow(p.x, s.padLeft, s.kw, s.strideW);
                 ox < s.ow && p.x + s.padLeft - ox * s.strideW >= 0; ++ox) {
                const int64_t real = rows * realExtent(ox, s.strideW, s.padLeft, s.kw, s.w);
                sum += dy[((p.n * s.oh + oy) * s.ow + ox) * s.c + p.c] / static_cast<float>(real);
            }
        }
        dx[i] = sum;
    }
};

/// Pictures as the loader's random numbers change them; by elements of y.
struct Augment
{
    AugmentTables tables;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, tables.height, tables.width, tables.channels);
        y[i] = tables.result(p.n, p.y, p.x, p.c);
    }
};

/// Which positions along one axis a position of the resized image is mixed from.
struct ResizeSource
{
    int64_t low, high;
    float highShare; ///< the low one has 1 − highShare

    GRADLOOM_DEVICE ResizeSource(int64_t out, int64_t size, int64_t outSize, bool bilinear)
    {
        if (!bilinear) {
            low = high = out * size / outSize;
            highShare = 0;
            return;
        }
        const double scale = static_cast<double>(size) / static_cast<double>(outSize);
        const double centre = fmax(0.0, (static_cast<double>(out) + 0.5) * scale - 0.5);
        low = minOf(static_cast<int64_t>(centre), size - 1);
        high = minOf(low + 1, size - 1);
        highShare = static_cast<float>(centre - static_cast<double>(low));
    }

    /// Share of position `in`; both ends may be the same position.
    GRADLOOM_DEVICE float shareOf(int64_t in) const
    {
        return (in == low ? 1.0F - highShare : 0.0F) + (in == high ? highShare : 0.0F);
    }
};

/// Sizes as in WindowShape; by elements of y.
struct Resize
{
    WindowShape s;
    bool bilinear = false;
    const float* x = nullptr;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.oh, s.ow, s.c);
        const ResizeSource row(p.y, s.h, s.oh, bilinear);
        const ResizeSource column(p.x, s.w, s.ow, bilinear);
        y[i] =
            (1.0F - row.highShare) * mixed(p, row.low, column) + row.highShare * mixed(p, row.high, column);
    }

    GRADLOOM_DEVICE float mixed(const Pixel& p, int64_t row, const ResizeSource& column) const
    {
        const float* from = x + (p.n * s.h + row) * s.w * s.c + p.c;
        return (1.0F - column.highShare) * from[column.low * s.c] +
               column.highShare * from[column.high * s.c];
    }
};

/// By elements of dx.
struct ResizeGradient
{
    WindowShape s;
    bool bilinear = false;
    const float* dy = nullptr;
    float* dx = nullptr;

    /// The first position of the result that may be mixed from `in`, and the position behind the last one.
    static GRADLOOM_DEVICE int64_t first(int64_t in, int64_t size, int64_t outSize)
    {
        return maxOf((in - 1) * outSize / size - 1, 0);
    }
    static GRADLOOM_DEVICE int64_t last(int64_t in, int64_t size, int64_t outSize)
    {
        return minOf((in + 2) * outSize / size + 2, outSize);
    }

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.h, s.w, s.c);
        float sum = 0;
        for (int64_t oy = first(p.y, s.h, s.oh); oy < last(p.y, s.h, s.oh); ++oy) {
            const float share = ResizeSource(oy, s.h, s.oh, bilinear).shareOf(p.y);
            if (share == 0)
                continue;
            for (int64_t ox = first(p.x, s.w, s.ow); ox < last(p.x, s.w, s.ow); ++ox) {
                const float other = ResizeSource(ox, s.w, s.ow, bilinear).shareOf(p.x);
                if (other != 0)
                    sum += share * other * dy[((p.n * s.oh + oy) * s.ow + ox) * s.c + p.c];
            }
        }
        dx[i] = sum;
    }
};

/// Convolution without a library: for one channel a group, and where cuDNN has no algorithm. Weights are
/// kh×kw×C/groups×K. By elements of y (N×OH×OW×K).
struct DirectConvolution
{
    WindowShape s;
    const float* x = nullptr;
    const float* weights = nullptr;
    const float* bias = nullptr;
    bool relu = false;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.oh, s.ow, s.k);
        const int64_t depth = s.c / s.groups;
        const int64_t firstChannel = p.c / (s.k / s.groups) * depth;
        float sum = bias != nullptr ? bias[p.c] : 0.0F;
        for (int64_t r = 0; r < s.kh; ++r) {
            const int64_t row = p.y * s.strideH - s.padTop + r * s.dilationH;
            if (row < 0 || row >= s.h)
                continue;
            for (int64_t q = 0; q < s.kw; ++q) {
                const int64_t column = p.x * s.strideW - s.padLeft + q * s.dilationW;
                if (column < 0 || column >= s.w)
                    continue;
                const float* pixel = x + ((p.n * s.h + row) * s.w + column) * s.c + firstChannel;
                const float* w = weights + (r * s.kw + q) * depth * s.k + p.c;
                for (int64_t d = 0; d < depth; ++d)
                    sum += pixel[d] * w[d * s.k];
            }
        }
        y[i] = relu ? rectified(sum) : sum;
    }
};

/// The adjoint: dx (N×H×W×C) from dy (N×OH×OW×K), also the transposed convolution; by elements of dx.
struct DirectConvolutionData
{
    WindowShape s;
    const float* dy = nullptr;
    const float* weights = nullptr;
    const float* bias = nullptr;
    bool relu = false;
    float* dx = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Pixel p(i, s.h, s.w, s.c);
        const int64_t depth = s.c / s.groups;
        const int64_t filters = s.k / s.groups;
        const int64_t firstFilter = p.c / depth * filters;
        float sum = bias != nullptr ? bias[p.c] : 0.0F;
        for (int64_t r = 0; r < s.kh; ++r) {
            const int64_t row = p.y + s.padTop - r * s.dilationH;
            if (row < 0 || row % s.strideH != 0 || row / s.strideH >= s.oh)
                continue;
            for (int64_t q = 0; q < s.kw; ++q) {
                const int64_t column = p.x + s.padLeft - q * s.dilationW;
                if (column < 0 || column % s.strideW != 0 || column / s.strideW >= s.ow)
                    continue;
                const float* g =
                    dy + ((p.n * s.oh + row / s.strideH) * s.ow + column / s.strideW) * s.k + firstFilter;
                const float* w = weights + ((r * s.kw + q) * depth + p.c % depth) * s.k + firstFilter;
                for (int64_t f = 0; f < filters; ++f)
                    sum += g[f] * w[f];
            }
        }
        dx[i] = relu ? rectified(sum) : sum;
    }
};

/// Gradient of the weights in `parts` shares of the result's rows: [parts, kh, kw, C/groups, K]. Teams by
/// part, row of weights (kh, kw, C/groups) and tile of filters; `shared`: a float a thread.
struct DirectConvolutionWeights
{
    WindowShape s;
    int64_t parts = 1;
    const float* x = nullptr;
    const float* dy = nullptr;
    float* partials = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const ColumnTile tile(team);
        const int64_t depth = s.c / s.groups;
        const Division byTile = divide(index, ColumnTile::count(s.k));
        const Division byRow = divide(byTile.quotient, s.kh * s.kw * depth);
        const Pixel tap(byRow.rest, s.kh, s.kw, depth);
        const int64_t places = s.n * s.oh * s.ow;
        const int64_t end = partBegin(places, parts, byRow.quotient + 1);
        for (int column = tile.column; column < ColumnTile::width; column += tile.columns) {
            const int64_t filter = byTile.rest * ColumnTile::width + column;
            float sums[1] = {};
            if (filter < s.k) {
                const int64_t channel = filter / (s.k / s.groups) * depth + tap.c;
                for (int64_t at = partBegin(places, parts, byRow.quotient) + tile.row; at < end;
                     at += tile.rows)
                    sums[0] += product(at, filter, channel, tap);
            }
            tile.addRows(team, sums);
            if (tile.row == 0 && filter < s.k)
                partials[byTile.quotient * s.k + filter] = sums[0];
        }
    }

    GRADLOOM_DEVICE float product(int64_t at, int64_t filter, int64_t channel, const Pixel& tap) const
    {
        const Division byX = divide(at, s.ow);
        const Division byY = divide(byX.quotient, s.oh);
        const int64_t row = byY.rest * s.strideH - s.padTop + tap.y * s.dilationH;
        const int64_t column = byX.rest * s.strideW - s.padLeft + tap.x * s.dilationW;
        if (row < 0 || row >= s.h || column < 0 || column >= s.w)
            return 0;
        return dy[at * s.k + filter] * x[((byY.quotient * s.h + row) * s.w + column) * s.c + channel];
    }
};

} // namespace gradloom::cuda
