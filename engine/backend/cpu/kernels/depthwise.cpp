#include "depthwise.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/depthwise.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>

#ifndef GRADLOOM_DEPTHWISE_BLOCK
#define GRADLOOM_DEPTHWISE_BLOCK
namespace gradloom::cpu {

/// Channels in a unit of the weight gradient.
inline constexpr int64_t depthwiseBlock = 32;

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

/// One output pixel with one filter a channel.
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

/// The same with several filters a channel; plain loops, the case is rare.
void forwardPixelMany(
    const ConvShape& s, const DepthwiseArgs& args, const float* image, int64_t oy, int64_t ox, float* y)
{
    const int64_t many = s.groupK();
    const int64_t top = oy * s.strideH - s.padTop;
    const int64_t left = ox * s.strideW - s.padLeft;
    const TapRange rows = realTaps(top, s.dilationH, s.kh, s.h);
    const TapRange columns = realTaps(left, s.dilationW, s.kw, s.w);
    for (int64_t k = 0; k < s.k; ++k)
        y[k] = args.epilogue.bias != nullptr ? args.epilogue.bias[k] : 0.0F;
    for (int64_t r = rows.begin; r < rows.end; ++r)
        for (int64_t q = columns.begin; q < columns.end; ++q) {
            const float* x = image + ((top + r * s.dilationH) * s.w + left + q * s.dilationW) * s.c;
            const float* w = args.weights + (r * s.kw + q) * s.k;
            for (int64_t c = 0; c < s.c; ++c)
                for (int64_t m = 0; m < many; ++m)
                    y[c * many + m] += x[c] * w[c * many + m];
        }
    forVectors(s.k, [&](int64_t i, auto loadIt, auto storeIt)
                        HWY_ATTR { storeIt(finishValue(loadIt(y + i), args.epilogue), y + i); });
}

void forwardUnits(const ConvShape& s, const DepthwiseArgs& args, int64_t begin, int64_t end)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t unit = begin; unit < end; ++unit) {
        const float* image = args.x + unit / oh * s.h * s.w * s.c;
        for (int64_t ox = 0; ox < ow; ++ox) {
            float* y = args.y + (unit * ow + ox) * s.k;
            if (s.groupK() == 1)
                forwardPixel(s, args, image, unit % oh, ox, y);
            else
                forwardPixelMany(s, args, image, unit % oh, ox, y);
        }
    }
}

/// Adds dy * w of one output pixel and one tap to an input pixel.
HWY_INLINE void addTap(const ConvShape& s, const float* dy, const float* w, float* dx)
{
    if (s.groupK() == 1) {
        forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            storeIt(hn::MulAdd(loadIt(dy + i), loadIt(w + i), loadIt(dx + i)), dx + i);
        });
        return;
    }
    const int64_t many = s.groupK();
    for (int64_t c = 0; c < s.c; ++c)
        for (int64_t m = 0; m < many; ++m)
            dx[c] += dy[c * many + m] * w[c * many + m];
}

void dataUnits(const ConvShape& s, const DepthwiseDataArgs& args, int64_t begin, int64_t end)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t unit = begin; unit < end; ++unit) {
        float* row = args.dx + unit * s.w * s.c;
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
}

/// Sum over one output row of x * dy for one tap and a vector of filters. x is stepped by channels where a
/// channel has one filter and read value by value otherwise.
template <class Load>
HWY_INLINE Floats rowProduct(const ConvShape& s, const DepthwiseWeightArgs& args, int64_t outRow,
    int64_t tapColumn, int64_t inRow, int64_t k, int64_t used, const Load& loadIt)
{
    const int64_t ow = s.ow();
    Floats sum = zero();
    for (int64_t ox = 0; ox < ow; ++ox) {
        const int64_t column = ox * s.strideW - s.padLeft + tapColumn * s.dilationW;
        if (column < 0 || column >= s.w)
            continue;
        const float* x = args.x + (inRow * s.w + column) * s.c;
        const float* dy = args.dy + (outRow * ow + ox) * s.k + k;
        if (s.groupK() == 1) {
            sum = hn::MulAdd(loadIt(x + k), loadIt(dy), sum);
            continue;
        }
        HWY_ALIGN float repeated[static_cast<size_t>(lanes())] = {};
        for (int64_t i = 0; i < used; ++i)
            repeated[i] = x[(k + i) / s.groupK()];
        sum = hn::MulAdd(load(repeated), loadIt(dy), sum);
    }
    return sum;
}

void weightUnits(const ConvShape& s, const DepthwiseWeightArgs& args, int64_t begin, int64_t end)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    const int64_t first = begin * depthwiseBlock;
    const int64_t count = std::min(end * depthwiseBlock, s.k) - first;
    for (int64_t tap = 0; tap < s.kh * s.kw; ++tap)
        forVectors(count, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            float* to = args.dw + tap * s.k + first + i;
            Floats total = args.accumulate ? loadIt(to) : zero();
            for (int64_t outRow = 0; outRow < s.n * oh; ++outRow) {
                const int64_t y = outRow % oh * s.strideH - s.padTop + tap / s.kw * s.dilationH;
                if (y >= 0 && y < s.h)
                    total = hn::Add(total, rowProduct(s, args, outRow, tap % s.kw, outRow / oh * s.h + y,
                                               first + i, std::min(lanes(), count - i), loadIt));
            }
            storeIt(total, to);
        });
    if (args.db == nullptr)
        return;
    forVectors(count, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats total = args.accumulate ? loadIt(args.db + first + i) : zero();
        for (int64_t outRow = 0; outRow < s.n * oh; ++outRow) {
            Floats sum = zero();
            for (int64_t ox = 0; ox < ow; ++ox)
                sum = hn::Add(sum, loadIt(args.dy + (outRow * ow + ox) * s.k + first + i));
            total = hn::Add(total, sum);
        }
        storeIt(total, args.db + first + i);
    });
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
    return shape.groups == shape.c;
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
