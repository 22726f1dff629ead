#include "resize.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/resize.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>

#ifndef GRADLOOM_RESIZE_SOURCE
#define GRADLOOM_RESIZE_SOURCE
namespace gradloom::cpu {

/// Which input positions along one axis an output position is mixed from.
struct ResizeSource
{
    int64_t low, high;
    float highShare; ///< the low one has 1 - highShare

    ResizeSource(int64_t out, int64_t size, int64_t outSize, bool bilinear)
    {
        if (!bilinear) {
            low = high = out * size / outSize;
            highShare = 0;
            return;
        }
        const double scale = static_cast<double>(size) / static_cast<double>(outSize);
        const double centre = std::max(0.0, (static_cast<double>(out) + 0.5) * scale - 0.5);
        low = std::min(static_cast<int64_t>(centre), size - 1);
        high = std::min(low + 1, size - 1);
        highShare = static_cast<float>(centre - static_cast<double>(low));
    }

    /// Share of input position `in`; both ends may be the same position.
    float shareOf(int64_t in) const { return (in == low ? 1 - highShare : 0) + (in == high ? highShare : 0); }
};

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

void resizeRow(const ResizeShape& s, const float* upper, const float* lower, float lowerShare, float* y)
{
    const Floats down = broadcast(lowerShare);
    for (int64_t ox = 0; ox < s.ow; ++ox) {
        const ResizeSource column(ox, s.w, s.ow, s.bilinear);
        const int64_t left = column.low * s.c;
        const int64_t right = column.high * s.c;
        float* to = y + ox * s.c;
        if (!s.bilinear) {
            std::copy_n(upper + left, s.c, to);
            continue;
        }
        const Floats across = broadcast(column.highShare);
        forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const Floats a = loadIt(upper + left + i);
            const Floats b = loadIt(lower + left + i);
            const Floats top = hn::MulAdd(across, hn::Sub(loadIt(upper + right + i), a), a);
            const Floats bottom = hn::MulAdd(across, hn::Sub(loadIt(lower + right + i), b), b);
            storeIt(hn::MulAdd(down, hn::Sub(bottom, top), top), to + i);
        });
    }
}

void resizeRows(const ResizeShape& s, const float* x, float* y, int64_t begin, int64_t end)
{
    const int64_t row = s.w * s.c;
    for (int64_t unit = begin; unit < end; ++unit) {
        const float* image = x + unit / s.oh * s.h * row;
        const ResizeSource source(unit % s.oh, s.h, s.oh, s.bilinear);
        resizeRow(
            s, image + source.low * row, image + source.high * row, source.highShare, y + unit * s.ow * s.c);
    }
}

/// dx += share * dy for the pixel's channels.
HWY_INLINE void addShare(float share, const float* dy, float* dx, int64_t count)
{
    const Floats factor = broadcast(share);
    forVectors(count, [&](int64_t i, auto loadIt, auto storeIt)
                          HWY_ATTR { storeIt(hn::MulAdd(factor, loadIt(dy + i), loadIt(dx + i)), dx + i); });
}

void resizeGradRows(const ResizeShape& s, const float* dy, float* dx, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; ++unit) {
        float* to = dx + unit * s.w * s.c;
        std::fill_n(to, s.w * s.c, 0.0F);
        // A row gathers from all output rows that were mixed from it, so that no two units write the same
        // place.
        for (int64_t oy = 0; oy < s.oh; ++oy) {
            const float share = ResizeSource(oy, s.h, s.oh, s.bilinear).shareOf(unit % s.h);
            if (share == 0)
                continue;
            const float* from = dy + (unit / s.h * s.oh + oy) * s.ow * s.c;
            for (int64_t ox = 0; ox < s.ow; ++ox) {
                const ResizeSource column(ox, s.w, s.ow, s.bilinear);
                addShare(share * (1 - column.highShare), from + ox * s.c, to + column.low * s.c, s.c);
                if (column.highShare != 0)
                    addShare(share * column.highShare, from + ox * s.c, to + column.high * s.c, s.c);
            }
        }
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(resizeRows);
HWY_EXPORT(resizeGradRows);

int64_t resizeUnits(const ResizeShape& shape)
{
    return shape.n * shape.oh;
}

void resize(const ResizeShape& shape, const float* x, float* y, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(resizeRows)(shape, x, y, begin, end);
}

int64_t resizeGradUnits(const ResizeShape& shape)
{
    return shape.n * shape.h;
}

void resizeGrad(const ResizeShape& shape, const float* dy, float* dx, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(resizeGradRows)(shape, dy, dx, begin, end);
}

} // namespace gradloom::cpu
#endif
