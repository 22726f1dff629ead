#include "pool.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/pool.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <limits>

#ifndef GRADLOOM_POOL_WINDOW
#define GRADLOOM_POOL_WINDOW
namespace gradloom::cpu {

/// Part of a window, along one axis, that lies within the image.
struct PoolSpan
{
    int64_t start; ///< input position of window element 0, negative in the padding
    int64_t begin; ///< window elements [begin, end) are real
    int64_t end;
};

inline PoolSpan poolSpan(int64_t out, int64_t stride, int64_t pad, int64_t kernel, int64_t size)
{
    const int64_t start = out * stride - pad;
    return {start, std::max<int64_t>(-start, 0), std::min(kernel, size - start)};
}

/// Gradients are cut by image, and by channels where there are few images.
struct PoolGradGrid
{
    static constexpr int64_t channelBlock = 64;
    int64_t blocks; ///< blocks of channels
    int64_t width;  ///< channels of a block

    explicit PoolGradGrid(const PoolShape& s)
        : blocks(s.n >= 16 ? 1 : (s.c + channelBlock - 1) / channelBlock),
          width(blocks == 1 ? s.c : channelBlock)
    {
    }
};

/// One block of channels of one image in both tensors.
struct PoolGradTask
{
    int64_t image, channel, channels;

    PoolGradTask(const PoolShape& s, const PoolGradGrid& grid, int64_t unit)
        : image(unit / grid.blocks), channel(unit % grid.blocks * grid.width),
          channels(std::min(grid.width, s.c - channel))
    {
    }
};

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

using ByteTag = hn::Rebind<uint8_t, FloatTag>;
static_assert(hn::MaxLanes(FloatTag()) <= 16, "buffers of one vector");

HWY_INLINE void storeIndex(Ints index, void* to, int64_t at, int bytes, int64_t count)
{
    if (bytes == 4) {
        HWY_ALIGN int32_t buffer[16];
        hn::Store(index, IntTag(), buffer);
        std::copy_n(buffer, count, static_cast<int32_t*>(to) + at);
        return;
    }
    const auto narrow = hn::DemoteTo(ByteTag(), index);
    uint8_t* target = static_cast<uint8_t*>(to) + at;
    if (count == lanes()) {
        hn::StoreU(narrow, ByteTag(), target);
        return;
    }
    HWY_ALIGN uint8_t buffer[16];
    hn::Store(narrow, ByteTag(), buffer);
    std::copy_n(buffer, count, target);
}

HWY_INLINE Ints loadIndex(const void* from, int64_t at, int bytes, int64_t count)
{
    HWY_ALIGN int32_t buffer[16] = {};
    if (bytes == 4) {
        std::copy_n(static_cast<const int32_t*>(from) + at, count, buffer);
        return hn::Load(IntTag(), buffer);
    }
    const uint8_t* source = static_cast<const uint8_t*>(from) + at;
    if (count == lanes())
        return hn::PromoteTo(IntTag(), hn::LoadU(ByteTag(), source));
    std::copy_n(source, count, buffer);
    return hn::Load(IntTag(), buffer);
}

/// NaN wins over numbers, and the first of equals stays.
HWY_INLINE void takeLarger(Floats v, int64_t tap, Floats& best, Ints& index)
{
    const auto larger = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
    best = hn::IfThenElse(larger, v, best);
    const auto tapVector = hn::Set(IntTag(), static_cast<int32_t>(tap));
    index = hn::IfThenElse(hn::RebindMask(IntTag(), larger), tapVector, index);
}

/// A complete 2 x 2 window, by far the most frequent one.
HWY_INLINE void maxOfFour(
    const float* upper, const float* lower, int64_t c, const MaxPoolArgs& args, int64_t at)
{
    forVectors(c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats best = loadIt(upper + i);
        Ints index = hn::Zero(IntTag());
        takeLarger(loadIt(upper + c + i), 1, best, index);
        takeLarger(loadIt(lower + i), 2, best, index);
        takeLarger(loadIt(lower + c + i), 3, best, index);
        storeIt(best, args.y + at + i);
        if (args.index != nullptr)
            storeIndex(index, args.index, at + i, 1, std::min(lanes(), c - i));
    });
}

void maxOfWindow(const PoolShape& s, const float* image, const PoolSpan& rows, const PoolSpan& columns,
    const MaxPoolArgs& args, int64_t at)
{
    const int bytes = maxPoolIndexBytes(s);
    forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats best = broadcast(-std::numeric_limits<float>::infinity());
        Ints index = hn::Set(IntTag(), static_cast<int32_t>(rows.begin * s.kw + columns.begin));
        for (int64_t r = rows.begin; r < rows.end; ++r)
            for (int64_t q = columns.begin; q < columns.end; ++q)
                takeLarger(loadIt(image + ((rows.start + r) * s.w + columns.start + q) * s.c + i),
                    r * s.kw + q, best, index);
        storeIt(best, args.y + at + i);
        if (args.index != nullptr)
            storeIndex(index, args.index, at + i, bytes, std::min(lanes(), s.c - i));
    });
}

void maxPoolUnitsOf(const PoolShape& s, const MaxPoolArgs& args, int64_t begin, int64_t end)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t unit = begin; unit < end; ++unit) {
        const float* image = args.x + unit / oh * s.h * s.w * s.c;
        const PoolSpan rows = poolSpan(unit % oh, s.strideH, s.padTop, s.kh, s.h);
        const bool twoRows = s.kh == 2 && s.kw == 2 && rows.begin == 0 && rows.end == 2;
        for (int64_t ox = 0; ox < ow; ++ox) {
            const PoolSpan columns = poolSpan(ox, s.strideW, s.padLeft, s.kw, s.w);
            const int64_t at = (unit * ow + ox) * s.c;
            const float* upper = image + (rows.start * s.w + columns.start) * s.c;
            if (twoRows && columns.begin == 0 && columns.end == 2)
                maxOfFour(upper, upper + s.w * s.c, s.c, args, at);
            else
                maxOfWindow(s, image, rows, columns, args, at);
        }
    }
}

/// Gradient of one output vector, behind the ReLU if there is one.
template <class Load>
HWY_INLINE Floats pooledGradient(const MaxPoolGradArgs& args, int64_t at, const Load& loadIt)
{
    const Floats dy = loadIt(args.dy + at);
    return args.reluOutput != nullptr ? hn::IfThenElseZero(hn::Gt(loadIt(args.reluOutput + at), zero()), dy)
                                      : dy;
}

/// Spreads one pixel's gradient over its window. Windows that do not overlap are stored instead of added.
template <bool Overlap>
HWY_INLINE void spreadPixel(const PoolShape& s, const MaxPoolGradArgs& args, const PoolSpan& rows,
    const PoolSpan& columns, float* image, int64_t at, int64_t channels)
{
    const int bytes = maxPoolIndexBytes(s);
    float* window = image + (rows.start * s.w + columns.start) * s.c;
    forVectors(channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats dy = pooledGradient(args, at + i, loadIt);
        const Ints index = loadIndex(args.index, at + i, bytes, std::min(lanes(), channels - i));
        for (int64_t r = rows.begin; r < rows.end; ++r)
            for (int64_t q = columns.begin; q < columns.end; ++q) {
                const auto tap = hn::Set(IntTag(), static_cast<int32_t>(r * s.kw + q));
                const Floats part = hn::IfThenElseZero(hn::RebindMask(FloatTag(), hn::Eq(index, tap)), dy);
                float* to = window + (r * s.w + q) * s.c + i;
                storeIt(Overlap ? hn::Add(loadIt(to), part) : part, to);
            }
    });
}

/// Sets the channels of a task to zero in input rows [first, last).
void clearRows(const PoolShape& s, float* image, int64_t channels, int64_t first, int64_t last)
{
    if (channels == s.c) {
        std::fill(image + first * s.w * s.c, image + last * s.w * s.c, 0.0F);
        return;
    }
    for (int64_t pixel = first * s.w; pixel < last * s.w; ++pixel)
        std::fill_n(image + pixel * s.c, channels, 0.0F);
}

void maxPoolGradUnitsOf(const PoolShape& s, const MaxPoolGradArgs& args, int64_t begin, int64_t end)
{
    const PoolGradGrid grid(s);
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    const bool overlap = s.strideH < s.kh || s.strideW < s.kw;
    for (int64_t unit = begin; unit < end; ++unit) {
        const PoolGradTask task(s, grid, unit);
        float* image = args.dx + task.image * s.h * s.w * s.c + task.channel;
        int64_t cleared = 0;
        for (int64_t oy = 0; oy < oh; ++oy) {
            const PoolSpan rows = poolSpan(oy, s.strideH, s.padTop, s.kh, s.h);
            // Row by row, so that the zeros are still in cache when gradients are stored over them.
            const int64_t reach = std::max(cleared, oy + 1 == oh ? s.h : rows.start + rows.end);
            clearRows(s, image, task.channels, cleared, reach);
            cleared = reach;
            for (int64_t ox = 0; ox < ow; ++ox) {
                const PoolSpan columns = poolSpan(ox, s.strideW, s.padLeft, s.kw, s.w);
                const int64_t at = ((task.image * oh + oy) * ow + ox) * s.c + task.channel;
                if (overlap)
                    spreadPixel<true>(s, args, rows, columns, image, at, task.channels);
                else
                    spreadPixel<false>(s, args, rows, columns, image, at, task.channels);
            }
        }
    }
}

HWY_INLINE float averageFactor(
    const PoolShape& s, bool countPadding, const PoolSpan& rows, const PoolSpan& columns)
{
    const int64_t real =
        std::max<int64_t>(rows.end - rows.begin, 0) * std::max<int64_t>(columns.end - columns.begin, 0);
    // A window that lies in the padding alone has the average 0.
    return 1.0F / static_cast<float>(countPadding ? s.kh * s.kw : std::max<int64_t>(real, 1));
}

void averagePoolUnitsOf(
    const PoolShape& s, bool countPadding, const float* x, float* y, int64_t begin, int64_t end)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t unit = begin; unit < end; ++unit) {
        const float* image = x + unit / oh * s.h * s.w * s.c;
        const PoolSpan rows = poolSpan(unit % oh, s.strideH, s.padTop, s.kh, s.h);
        for (int64_t ox = 0; ox < ow; ++ox) {
            const PoolSpan columns = poolSpan(ox, s.strideW, s.padLeft, s.kw, s.w);
            const Floats factor = broadcast(averageFactor(s, countPadding, rows, columns));
            float* to = y + (unit * ow + ox) * s.c;
            forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                Floats sum = zero();
                for (int64_t r = rows.begin; r < rows.end; ++r)
                    for (int64_t q = columns.begin; q < columns.end; ++q)
                        sum = hn::Add(
                            sum, loadIt(image + ((rows.start + r) * s.w + columns.start + q) * s.c + i));
                storeIt(hn::Mul(sum, factor), to + i);
            });
        }
    }
}

void averagePoolGradUnitsOf(
    const PoolShape& s, bool countPadding, const float* dy, float* dx, int64_t begin, int64_t end)
{
    const PoolGradGrid grid(s);
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t unit = begin; unit < end; ++unit) {
        const PoolGradTask task(s, grid, unit);
        float* image = dx + task.image * s.h * s.w * s.c + task.channel;
        clearRows(s, image, task.channels, 0, s.h);
        for (int64_t pixel = 0; pixel < oh * ow; ++pixel) {
            const PoolSpan rows = poolSpan(pixel / ow, s.strideH, s.padTop, s.kh, s.h);
            const PoolSpan columns = poolSpan(pixel % ow, s.strideW, s.padLeft, s.kw, s.w);
            const Floats factor = broadcast(averageFactor(s, countPadding, rows, columns));
            const float* from = dy + (task.image * oh * ow + pixel) * s.c + task.channel;
            float* window = image + (rows.start * s.w + columns.start) * s.c;
            forVectors(task.channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                const Floats part = hn::Mul(loadIt(from + i), factor);
                for (int64_t r = rows.begin; r < rows.end; ++r)
                    for (int64_t q = columns.begin; q < columns.end; ++q) {
                        float* to = window + (r * s.w + q) * s.c + i;
                        storeIt(hn::Add(loadIt(to), part), to);
                    }
            });
        }
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(maxPoolUnitsOf);
HWY_EXPORT(maxPoolGradUnitsOf);
HWY_EXPORT(averagePoolUnitsOf);
HWY_EXPORT(averagePoolGradUnitsOf);

int maxPoolIndexBytes(const PoolShape& shape)
{
    return shape.kh * shape.kw <= 256 ? 1 : 4;
}

int64_t maxPoolUnits(const PoolShape& shape)
{
    return shape.n * shape.oh();
}

void maxPool(const PoolShape& shape, const MaxPoolArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(maxPoolUnitsOf)(shape, args, begin, end);
}

int64_t maxPoolGradUnits(const PoolShape& shape)
{
    return shape.n * PoolGradGrid(shape).blocks;
}

void maxPoolGrad(const PoolShape& shape, const MaxPoolGradArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(maxPoolGradUnitsOf)(shape, args, begin, end);
}

int64_t averagePoolUnits(const PoolShape& shape)
{
    return shape.n * shape.oh();
}

void averagePool(
    const PoolShape& shape, bool countPadding, const float* x, float* y, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(averagePoolUnitsOf)(shape, countPadding, x, y, begin, end);
}

int64_t averagePoolGradUnits(const PoolShape& shape)
{
    return shape.n * PoolGradGrid(shape).blocks;
}

void averagePoolGrad(
    const PoolShape& shape, bool countPadding, const float* dy, float* dx, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(averagePoolGradUnitsOf)(shape, countPadding, dy, dx, begin, end);
}

} // namespace gradloom::cpu
#endif
