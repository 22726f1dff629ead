#include "group_norm.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/group_norm.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <cmath>

#ifndef GRADLOOM_GROUP_NORM_UNITS
#define GRADLOOM_GROUP_NORM_UNITS
namespace gradloom::cpu {

/// Samples of a unit: about 64 units share evenly and leave little to combine.
inline int64_t groupNormBlock(const GroupNormShape& s)
{
    return std::max<int64_t>(1, (s.samples + 63) / 64);
}

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// Positions that one float accumulator sums before it is added to the total:
/// keeps long sums exact.
constexpr int64_t positionBlock = 512;

HWY_INLINE Floats loadOr(const float* p, int64_t i, const Floats otherwise, bool whole, int64_t rest)
{
    if (p == nullptr)
        return otherwise;
    return whole ? load(p + i) : loadPart(p + i, rest);
}

/// Calls body(i, load, store, channel) over n numbers, where channel(p,
/// otherwise) reads p[i] or gives `otherwise` for null.
template <class Body>
HWY_INLINE void forChannels(int64_t n, const Body& body)
{
    forVectors(n, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const int64_t rest = n - i;
        body(i, loadIt, storeIt, [i, rest](const float* p, float otherwise) HWY_ATTR {
            return loadOr(p, i, broadcast(otherwise), rest >= lanes(), rest);
        });
    });
}

HWY_INLINE void fillZero(float* p, int64_t n)
{
    std::fill_n(p, n, 0.0F);
}

/// total[i] += part[i]; part[i] = 0.
HWY_INLINE void flush(float* total, float* part, int64_t n)
{
    forVectors(n, [&](int64_t i, auto loadIt, auto storeIt)
                      HWY_ATTR { storeIt(hn::Add(loadIt(total + i), loadIt(part + i)), total + i); });
    fillZero(part, n);
}

// --- one group over the last dimension: a row at a time
// ---------------------------------------------------

/// Sum over one row of term(i, load), in blocks.
template <class Term>
HWY_INLINE double rowSum(int64_t n, const Term& term)
{
    double total = 0;
    for (int64_t start = 0; start < n; start += positionBlock * 4) {
        const int64_t count = std::min(n - start, positionBlock * 4);
        Floats sum = zero();
        forVectors(count, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
            const Floats value = term(start + i, loadIt);
            const int64_t used = count - i;
            const auto inside = hn::FirstN(FloatTag(), static_cast<size_t>(std::min(used, lanes())));
            sum = hn::Add(sum, used >= lanes() ? value : hn::IfThenElseZero(inside, value));
        });
        total += sumLanes(sum);
    }
    return total;
}

HWY_INLINE void normaliseRow(const GroupNormShape& s, const GroupNormArgs& args, int64_t r)
{
    const int64_t n = s.channels;
    const float* x = args.x + r * n;
    float* y = args.y + r * n;
    const auto mean = static_cast<float>(
        rowSum(n, [&](int64_t i, auto loadIt) HWY_ATTR { return loadIt(x + i); }) / double(n));
    const Floats shift = broadcast(mean);
    const double squares = rowSum(n, [&](int64_t i, auto loadIt) HWY_ATTR {
        const Floats d = hn::Sub(loadIt(x + i), shift);
        return hn::Mul(d, d);
    });
    const auto rstd = static_cast<float>(1.0 / std::sqrt(squares / double(n) + double{args.epsilon}));
    args.mean[r] = mean;
    args.rstd[r] = rstd;
    const Floats factor = broadcast(rstd);
    forChannels(n, [&](int64_t i, auto loadIt, auto storeIt, auto channel) HWY_ATTR {
        const Floats normal = hn::Mul(hn::Sub(loadIt(x + i), shift), factor);
        storeIt(hn::MulAdd(normal, channel(args.gamma, 1.0F), channel(args.beta, 0.0F)), y + i);
    });
}

/// dgamma and dbeta are added to.
HWY_INLINE void gradientOfRow(
    const GroupNormShape& s, const GroupNormGradArgs& args, int64_t r, float* dgamma, float* dbeta)
{
    const int64_t n = s.channels;
    const float* x = args.x + r * n;
    const float* dy = args.dy + r * n;
    float* dx = args.dx + r * n;
    const Floats mean = broadcast(args.mean[r]);
    const Floats rstd = broadcast(args.rstd[r]);
    Floats sum = zero();
    Floats product = zero();
    forChannels(n, [&](int64_t i, auto loadIt, auto storeIt, auto channel) HWY_ATTR {
        const Floats g = loadIt(dy + i); // zero in unused lanes, and so are all products
        const Floats normal = hn::Mul(hn::Sub(loadIt(x + i), mean), rstd);
        const Floats scaled = hn::Mul(g, channel(args.gamma, 1.0F));
        sum = hn::Add(sum, scaled);
        product = hn::MulAdd(scaled, normal, product);
        storeIt(hn::MulAdd(g, normal, loadIt(dgamma + i)), dgamma + i);
        storeIt(hn::Add(g, loadIt(dbeta + i)), dbeta + i);
    });
    const Floats meanOfSum = broadcast(sumLanes(sum) / static_cast<float>(n));
    const Floats meanOfProduct = broadcast(sumLanes(product) / static_cast<float>(n));
    forChannels(n, [&](int64_t i, auto loadIt, auto storeIt, auto channel) HWY_ATTR {
        const Floats normal = hn::Mul(hn::Sub(loadIt(x + i), mean), rstd);
        const Floats scaled = hn::Mul(loadIt(dy + i), channel(args.gamma, 1.0F));
        const Floats rest = hn::NegMulAdd(normal, meanOfProduct, hn::Sub(scaled, meanOfSum));
        storeIt(hn::Mul(rest, rstd), dx + i);
    });
}

// --- several positions or groups: a sample at a time, channel by channel
// ----------------------------------

/// sums[c] = sum over the positions of term(position, channel, load); `part` is
/// scratch of the same size.
template <class Term>
HWY_INLINE void channelSums(const GroupNormShape& s, float* sums, float* part, const Term& term)
{
    fillZero(sums, s.channels);
    fillZero(part, s.channels);
    for (int64_t p = 0; p < s.spatial; ++p) {
        forVectors(s.channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
            storeIt(hn::Add(loadIt(part + c), term(p, c, loadIt)), part + c);
        });
        if ((p + 1) % positionBlock == 0)
            flush(sums, part, s.channels);
    }
    flush(sums, part, s.channels);
}

/// Sum over the channels of group g of sums[c] (times gamma[c]).
HWY_INLINE double groupSum(const GroupNormShape& s, const float* sums, const float* gamma, int64_t g)
{
    const int64_t size = s.channels / s.groups;
    double total = 0;
    for (int64_t c = g * size; c < (g + 1) * size; ++c)
        total += double{sums[c]} * (gamma == nullptr ? 1.0 : double{gamma[c]});
    return total;
}

HWY_INLINE void spread(const GroupNormShape& s, const float* perGroup, float* perChannel)
{
    const int64_t size = s.channels / s.groups;
    for (int64_t g = 0; g < s.groups; ++g)
        std::fill_n(perChannel + g * size, size, perGroup[g]);
}

HWY_INLINE void normaliseSample(const GroupNormShape& s, const GroupNormArgs& args, int64_t r)
{
    const int64_t n = s.channels;
    const float* x = args.x + r * s.spatial * n;
    float* y = args.y + r * s.spatial * n;
    float* mean = args.mean + r * s.groups;
    float* rstd = args.rstd + r * s.groups;
    float* sums = args.scratch;
    float* part = sums + n;
    float* means = part + n;
    const double count = static_cast<double>(s.spatial * (n / s.groups));

    channelSums(
        s, sums, part, [&](int64_t p, int64_t c, auto loadIt) HWY_ATTR { return loadIt(x + p * n + c); });
    for (int64_t g = 0; g < s.groups; ++g)
        mean[g] = static_cast<float>(groupSum(s, sums, nullptr, g) / count);
    spread(s, mean, means);
    channelSums(s, sums, part, [&](int64_t p, int64_t c, auto loadIt) HWY_ATTR {
        const Floats d = hn::Sub(loadIt(x + p * n + c), loadIt(means + c));
        return hn::Mul(d, d);
    });
    for (int64_t g = 0; g < s.groups; ++g)
        rstd[g] =
            static_cast<float>(1.0 / std::sqrt(groupSum(s, sums, nullptr, g) / count + double{args.epsilon}));

    float* factor = sums;
    spread(s, rstd, factor);
    forChannels(n, [&](int64_t c, auto loadIt, auto storeIt, auto channel) HWY_ATTR {
        storeIt(hn::Mul(loadIt(factor + c), channel(args.gamma, 1.0F)), factor + c);
    });
    for (int64_t p = 0; p < s.spatial; ++p)
        forChannels(n, [&](int64_t c, auto loadIt, auto storeIt, auto channel) HWY_ATTR {
            const Floats d = hn::Sub(loadIt(x + p * n + c), loadIt(means + c));
            storeIt(hn::MulAdd(d, loadIt(factor + c), channel(args.beta, 0.0F)), y + p * n + c);
        });
}

/// dgamma and dbeta are added to.
HWY_INLINE void gradientOfSample(
    const GroupNormShape& s, const GroupNormGradArgs& args, int64_t r, float* dgamma, float* dbeta)
{
    const int64_t n = s.channels;
    const int64_t start = r * s.spatial * n;
    const float* x = args.x + start;
    const float* dy = args.dy + start;
    float* dx = args.dx + start;
    float* sums = args.scratch;
    float* products = sums + n;
    float* part = products + n;
    float* means = part + n;
    float* rstds = means + n;
    spread(s, args.mean + r * s.groups, means);
    spread(s, args.rstd + r * s.groups, rstds);
    const auto normal = [&](int64_t p, int64_t c, auto loadIt) HWY_ATTR {
        return hn::Mul(hn::Sub(loadIt(x + p * n + c), loadIt(means + c)), loadIt(rstds + c));
    };
    channelSums(
        s, sums, part, [&](int64_t p, int64_t c, auto loadIt) HWY_ATTR { return loadIt(dy + p * n + c); });
    channelSums(s, products, part, [&](int64_t p, int64_t c, auto loadIt) HWY_ATTR {
        return hn::Mul(loadIt(dy + p * n + c), normal(p, c, loadIt));
    });
    forVectors(n, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        storeIt(hn::Add(loadIt(dgamma + c), loadIt(products + c)), dgamma + c);
        storeIt(hn::Add(loadIt(dbeta + c), loadIt(sums + c)), dbeta + c);
    });
    // dx = rstd * (gamma * dy - mean of gamma * dy - normal * mean of gamma * dy
    // * normal) over the group
    const int64_t size = n / s.groups;
    const double count = static_cast<double>(s.spatial * size);
    for (int64_t g = 0; g < s.groups; ++g) {
        const auto sum = static_cast<float>(groupSum(s, sums, args.gamma, g) / count);
        const auto product = static_cast<float>(groupSum(s, products, args.gamma, g) / count);
        std::fill_n(sums + g * size, size, sum);
        std::fill_n(products + g * size, size, product);
    }
    for (int64_t p = 0; p < s.spatial; ++p)
        forChannels(n, [&](int64_t c, auto loadIt, auto storeIt, auto channel) HWY_ATTR {
            const Floats scaled = hn::Mul(loadIt(dy + p * n + c), channel(args.gamma, 1.0F));
            const Floats rest =
                hn::NegMulAdd(normal(p, c, loadIt), loadIt(products + c), hn::Sub(scaled, loadIt(sums + c)));
            storeIt(hn::Mul(rest, loadIt(rstds + c)), dx + p * n + c);
        });
}

HWY_INLINE bool isRow(const GroupNormShape& s)
{
    return s.spatial == 1 && s.groups == 1;
}

void normaliseUnits(const GroupNormShape& s, const GroupNormArgs& args, int64_t begin, int64_t end)
{
    const int64_t last = std::min(end * groupNormBlock(s), s.samples);
    for (int64_t r = begin * groupNormBlock(s); r < last; ++r) {
        if (isRow(s))
            normaliseRow(s, args, r);
        else
            normaliseSample(s, args, r);
    }
}

void gradientUnits(const GroupNormShape& s, const GroupNormGradArgs& args, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; ++unit) {
        float* dgamma = args.partials + unit * 2 * s.channels;
        float* dbeta = dgamma + s.channels;
        fillZero(dgamma, 2 * s.channels);
        const int64_t last = std::min((unit + 1) * groupNormBlock(s), s.samples);
        for (int64_t r = unit * groupNormBlock(s); r < last; ++r) {
            if (isRow(s))
                gradientOfRow(s, args, r, dgamma, dbeta);
            else
                gradientOfSample(s, args, r, dgamma, dbeta);
        }
    }
}

void finishGradient(const GroupNormShape& s, const GroupNormGradArgs& args)
{
    fillZero(args.dgamma, s.channels);
    fillZero(args.dbeta, s.channels);
    const int64_t units = (s.samples + groupNormBlock(s) - 1) / groupNormBlock(s);
    for (int64_t unit = 0; unit < units; ++unit) {
        const float* dgamma = args.partials + unit * 2 * s.channels;
        forVectors(s.channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
            storeIt(hn::Add(loadIt(args.dgamma + c), loadIt(dgamma + c)), args.dgamma + c);
            storeIt(hn::Add(loadIt(args.dbeta + c), loadIt(dgamma + s.channels + c)), args.dbeta + c);
        });
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(normaliseUnits);
HWY_EXPORT(gradientUnits);
HWY_EXPORT(finishGradient);

int64_t groupNormUnits(const GroupNormShape& shape)
{
    return (shape.samples + groupNormBlock(shape) - 1) / groupNormBlock(shape);
}

int64_t groupNormScratch(const GroupNormShape& shape)
{
    return 5 * shape.channels;
}

int64_t groupNormPartials(const GroupNormShape& shape)
{
    return groupNormUnits(shape) * 2 * shape.channels;
}

void groupNorm(const GroupNormShape& shape, const GroupNormArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(normaliseUnits)(shape, args, begin, end);
}

void groupNormGrad(const GroupNormShape& shape, const GroupNormGradArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(gradientUnits)(shape, args, begin, end);
}

void groupNormGradFinish(const GroupNormShape& shape, const GroupNormGradArgs& args)
{
    HWY_DYNAMIC_DISPATCH(finishGradient)(shape, args);
}

} // namespace gradloom::cpu
#endif
