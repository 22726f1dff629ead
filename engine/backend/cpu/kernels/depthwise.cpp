#include "depthwise.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/depthwise.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <type_traits>

#ifndef GRADLOOM_DEPTHWISE_BLOCK
#define GRADLOOM_DEPTHWISE_BLOCK
namespace gradloom::cpu {

/// Channels in a unit of the weight gradient: a cache line, so that units share none.
inline constexpr int64_t depthwiseBlock = 16;
/// Neighbouring pixels that are computed together, so that weights are loaded once for all of them.
inline constexpr int64_t depthwiseTile = 4;
/// Taps of a kernel row whose gradients are summed together, so that dy is loaded once for all of them.
inline constexpr int64_t depthwiseTaps = 4;

/// Kernel taps [begin, end) of one axis whose input lies within the image.
struct TapRange
{
    int64_t begin, end;
};

inline TapRange realTaps(int64_t start, int64_t dilation, int64_t taps, int64_t size)
{
    const int64_t begin = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
    const int64_t end = start >= size ? 0 : (size - 1 - start) / dilation + 1;
    return {std::min(begin, taps), std::min(end, taps)};
}

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE Floats finishValue(Floats v, const Epilogue& epilogue)
{
    if (epilogue.activation == Activation::Relu)
        return maxKeepNan(zero(), v);
    if (epilogue.activation == Activation::LeakyRelu)
        return hn::IfThenElse(hn::Gt(v, zero()), v, hn::Mul(v, broadcast(epilogue.slope)));
    return v;
}

/// One output pixel.
void forwardPixel(
    const ConvShape& s, const DepthwiseArgs& args, const float* image, int64_t oy, int64_t ox, float* y)
{
    const int64_t top = oy * s.strideH - s.padTop;
    const int64_t left = ox * s.strideW - s.padLeft;
    const TapRange rows = realTaps(top, s.dilationH, s.kh, s.h);
    const TapRange columns = realTaps(left, s.dilationW, s.kw, s.w);
    forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats sum = args.epilogue.bias != nullptr ? loadIt(args.epilogue.bias + i) : zero();
        for (int64_t r = rows.begin; r < rows.end; ++r)
            for (int64_t q = columns.begin; q < columns.end; ++q) {
                const float* x = image + ((top + r * s.dilationH) * s.w + left + q * s.dilationW) * s.c;
                sum = hn::MulAdd(loadIt(x + i), loadIt(args.weights + (r * s.kw + q) * s.c + i), sum);
            }
        storeIt(finishValue(sum, args.epilogue), y + i);
    });
}

/// Neighbouring output pixels whose windows all lie within the image's columns.
void forwardTile(
    const ConvShape& s, const DepthwiseArgs& args, const float* image, int64_t oy, int64_t ox, float* y)
{
    const int64_t top = oy * s.strideH - s.padTop;
    const int64_t left = ox * s.strideW - s.padLeft;
    const int64_t step = s.strideW * s.c;
    const TapRange rows = realTaps(top, s.dilationH, s.kh, s.h);
    forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats sum[depthwiseTile];
        const Floats start = args.epilogue.bias != nullptr ? loadIt(args.epilogue.bias + i) : zero();
        GRADLOOM_UNROLL
        for (Floats& v : sum)
            v = start;
        for (int64_t r = rows.begin; r < rows.end; ++r)
            for (int64_t q = 0; q < s.kw; ++q) {
                const float* x = image + ((top + r * s.dilationH) * s.w + left + q * s.dilationW) * s.c + i;
                const Floats w = loadIt(args.weights + (r * s.kw + q) * s.c + i);
                GRADLOOM_UNROLL
                for (int64_t t = 0; t < depthwiseTile; ++t)
                    sum[t] = hn::MulAdd(loadIt(x + t * step), w, sum[t]);
            }
        GRADLOOM_UNROLL
        for (int64_t t = 0; t < depthwiseTile; ++t)
            storeIt(finishValue(sum[t], args.epilogue), y + t * s.c + i);
    });
}

/// Whether the windows of output columns [ox, ox + depthwiseTile) lie within the image.
HWY_INLINE bool tileInside(const ConvShape& s, int64_t ox)
{
    const int64_t left = ox * s.strideW - s.padLeft;
    return left >= 0 && left + (depthwiseTile - 1) * s.strideW + (s.kw - 1) * s.dilationW < s.w;
}

void forwardUnits(const ConvShape& s, const DepthwiseArgs& args, int64_t begin, int64_t end)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t unit = begin; unit < end; ++unit) {
        const float* image = args.x + unit / oh * s.h * s.w * s.c;
        for (int64_t ox = 0; ox < ow;) {
            float* y = args.y + (unit * ow + ox) * s.k;
            if (ox + depthwiseTile <= ow && tileInside(s, ox)) {
                forwardTile(s, args, image, unit % oh, ox, y);
                ox += depthwiseTile;
                continue;
            }
            forwardPixel(s, args, image, unit % oh, ox, y);
            ++ox;
        }
    }
}

/// Adds dy * w of one output pixel and one tap to an input pixel.
HWY_INLINE void addTap(const ConvShape& s, const float* dy, const float* w, float* dx)
{
    forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        storeIt(hn::MulAdd(loadIt(dy + i), loadIt(w + i), loadIt(dx + i)), dx + i);
    });
}

/// One input row at stride 1: every input pixel gathers, tile by tile, from the
/// output pixels that saw it.
void dataRowGathered(const ConvShape& s, const DepthwiseDataArgs& args, int64_t unit, float* row)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    // Output row and column of tap 0; further taps lie before it.
    const int64_t bottom = unit % s.h + s.padTop;
    const float* dy = args.dy + unit / s.h * oh * ow * s.c;
    const auto gather = [&](int64_t x, auto width) HWY_ATTR {
        constexpr int64_t count = decltype(width)::value;
        const int64_t right = x + s.padLeft;
        forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            Floats sum[count];
            GRADLOOM_UNROLL
            for (Floats& v : sum)
                v = zero();
            for (int64_t r = 0; r < s.kh; ++r) {
                const int64_t oy = bottom - r * s.dilationH;
                if (oy < 0 || oy >= oh)
                    continue;
                for (int64_t q = 0; q < s.kw; ++q) {
                    const int64_t ox = right - q * s.dilationW;
                    if (count == 1 && (ox < 0 || ox >= ow))
                        continue;
                    const Floats w = loadIt(args.weights + (r * s.kw + q) * s.c + i);
                    GRADLOOM_UNROLL
                    for (int64_t t = 0; t < count; ++t)
                        sum[t] = hn::MulAdd(loadIt(dy + (oy * ow + ox + t) * s.c + i), w, sum[t]);
                }
            }
            GRADLOOM_UNROLL
            for (int64_t t = 0; t < count; ++t)
                storeIt(sum[t], row + (x + t) * s.c + i);
        });
    };
    for (int64_t x = 0; x < s.w;) {
        const int64_t right = x + s.padLeft;
        const bool inside =
            x + depthwiseTile <= s.w && right - (s.kw - 1) * s.dilationW >= 0 && right + depthwiseTile <= ow;
        if (inside)
            gather(x, std::integral_constant<int64_t, depthwiseTile>());
        else
            gather(x, std::integral_constant<int64_t, 1>());
        x += inside ? depthwiseTile : 1;
    }
}

/// One input row in general: every output pixel adds to the input pixels it saw.
void dataRowScattered(const ConvShape& s, const DepthwiseDataArgs& args, int64_t unit, float* row)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    std::fill_n(row, s.w * s.c, 0.0F);
    for (int64_t r = 0; r < s.kh; ++r) {
        const int64_t shifted = unit % s.h + s.padTop - r * s.dilationH;
        if (shifted < 0 || shifted % s.strideH != 0 || shifted / s.strideH >= oh)
            continue;
        const float* dy = args.dy + (unit / s.h * oh + shifted / s.strideH) * ow * s.k;
        for (int64_t ox = 0; ox < ow; ++ox) {
            const int64_t left = ox * s.strideW - s.padLeft;
            const TapRange columns = realTaps(left, s.dilationW, s.kw, s.w);
            for (int64_t q = columns.begin; q < columns.end; ++q)
                addTap(s, dy + ox * s.k, args.weights + (r * s.kw + q) * s.k,
                    row + (left + q * s.dilationW) * s.c);
        }
    }
}

void dataUnits(const ConvShape& s, const DepthwiseDataArgs& args, int64_t begin, int64_t end)
{
    const bool gathered = s.strideH == 1 && s.strideW == 1;
    for (int64_t unit = begin; unit < end; ++unit) {
        float* row = args.dx + unit * s.w * s.c;
        if (gathered)
            dataRowGathered(s, args, unit, row);
        else
            dataRowScattered(s, args, unit, row);
    }
}

/// Output columns [begin, end) at which a tap lies within the image.
struct ColumnRange
{
    int64_t begin, end;

    ColumnRange(const ConvShape& s, int64_t tap)
    {
        const int64_t shift = s.padLeft - tap * s.dilationW; // input column = ox * stride - shift
        begin = shift > 0 ? (shift + s.strideW - 1) / s.strideW : 0;
        const int64_t last = s.w - 1 + shift;
        end = std::min(last < 0 ? 0 : last / s.strideW + 1, s.ow());
        begin = std::min(begin, end);
    }
};

/// Adds what one output row contributes to the gradients of `count` neighbouring taps of one kernel row, for
/// a vector of filters from k on. x is the input row the kernel row saw.
template <int64_t count, class Load, class Store>
HWY_INLINE void addRowProducts(const ConvShape& s, const float* x, const float* dy, int64_t tap, int64_t k,
    float* dw, const Load& loadIt, const Store& storeIt)
{
    Floats sum[count];
    GRADLOOM_UNROLL
    for (Floats& v : sum)
        v = zero();
    const auto xAt = [&](int64_t ox, int64_t t) HWY_ATTR {
        return loadIt(x + (ox * s.strideW - s.padLeft + (tap + t) * s.dilationW) * s.c + k);
    };
    // Further taps begin and end earlier: all of them are inside from the first one's begin to the last one's
    // end.
    const ColumnRange first(s, tap);
    const ColumnRange last(s, tap + count - 1);
    for (int64_t ox = first.begin; ox < last.end; ++ox) {
        const Floats g = loadIt(dy + ox * s.k + k);
        GRADLOOM_UNROLL
        for (int64_t t = 0; t < count; ++t)
            sum[t] = hn::MulAdd(xAt(ox, t), g, sum[t]);
    }
    for (int64_t t = 0; t < count; ++t) {
        const ColumnRange own(s, tap + t);
        const auto addColumns = [&](int64_t from, int64_t to) HWY_ATTR {
            for (int64_t ox = from; ox < to; ++ox)
                sum[t] = hn::MulAdd(xAt(ox, t), loadIt(dy + ox * s.k + k), sum[t]);
        };
        const int64_t common = std::max(first.begin, last.end);
        addColumns(own.begin, std::min(own.end, first.begin));
        addColumns(std::max(own.begin, common), own.end);
        float* to = dw + t * s.k + k;
        storeIt(hn::Add(loadIt(to), sum[t]), to);
    }
}

/// All gradients of a block of channels from one output row.
void addOutputRow(
    const ConvShape& s, const DepthwiseWeightArgs& args, int64_t outRow, int64_t first, int64_t count)
{
    const int64_t oh = s.oh();
    const float* dy = args.dy + outRow * s.ow() * s.k;
    for (int64_t r = 0; r < s.kh; ++r) {
        const int64_t row = outRow % oh * s.strideH - s.padTop + r * s.dilationH;
        if (row < 0 || row >= s.h)
            continue;
        const float* x = args.x + (outRow / oh * s.h + row) * s.w * s.c;
        for (int64_t tap = 0; tap < s.kw; tap += depthwiseTaps) {
            float* dw = args.dw + (r * s.kw + tap) * s.k;
            const int64_t taps = std::min(depthwiseTaps, s.kw - tap);
            forVectors(count, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                const int64_t k = first + i;
                if (taps == 4)
                    addRowProducts<4>(s, x, dy, tap, k, dw, loadIt, storeIt);
                else if (taps == 3)
                    addRowProducts<3>(s, x, dy, tap, k, dw, loadIt, storeIt);
                else if (taps == 2)
                    addRowProducts<2>(s, x, dy, tap, k, dw, loadIt, storeIt);
                else
                    addRowProducts<1>(s, x, dy, tap, k, dw, loadIt, storeIt);
            });
        }
    }
    if (args.db == nullptr)
        return;
    forVectors(count, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats sum = zero();
        for (int64_t ox = 0; ox < s.ow(); ++ox)
            sum = hn::Add(sum, loadIt(dy + ox * s.k + first + i));
        float* to = args.db + first + i;
        storeIt(hn::Add(loadIt(to), sum), to);
    });
}

void weightUnits(const ConvShape& s, const DepthwiseWeightArgs& args, int64_t begin, int64_t end)
{
    const int64_t first = begin * depthwiseBlock;
    const int64_t count = std::min(end * depthwiseBlock, s.k) - first;
    if (!args.accumulate) {
        for (int64_t tap = 0; tap < s.kh * s.kw; ++tap)
            std::fill_n(args.dw + tap * s.k + first, count, 0.0F);
        if (args.db != nullptr)
            std::fill_n(args.db + first, count, 0.0F);
    }
    for (int64_t outRow = 0; outRow < s.n * s.oh(); ++outRow)
        addOutputRow(s, args, outRow, first, count);
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(forwardUnits);
HWY_EXPORT(dataUnits);
HWY_EXPORT(weightUnits);

bool isDepthwise(const ConvShape& shape)
{
    return shape.groups == shape.c && shape.k == shape.c;
}

int64_t depthwiseUnits(const ConvShape& shape)
{
    return shape.n * shape.oh();
}

void depthwiseForward(const ConvShape& shape, const DepthwiseArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(forwardUnits)(shape, args, begin, end);
}

int64_t depthwiseDataUnits(const ConvShape& shape)
{
    return shape.n * shape.h;
}

void depthwiseBackwardData(const ConvShape& shape, const DepthwiseDataArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(dataUnits)(shape, args, begin, end);
}

int64_t depthwiseWeightUnits(const ConvShape& shape)
{
    return (shape.k + depthwiseBlock - 1) / depthwiseBlock;
}

void depthwiseBackwardWeights(
    const ConvShape& shape, const DepthwiseWeightArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(weightUnits)(shape, args, begin, end);
}

} // namespace gradloom::cpu
#endif
