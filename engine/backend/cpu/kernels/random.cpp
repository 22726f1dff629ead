// Results must not depend on the instruction set, and a fused multiply-add rounds differently from a product
// and a sum: the compiler may not join them in this file.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#include "random.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/random.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

using WordTag = hn::RebindToUnsigned<FloatTag>;
using Words = hn::Vec<WordTag>;

constexpr int64_t groupSize = 64; ///< values of 16 blocks
constexpr int64_t groupBlocks = 16;

/// Upper and lower half of the product of 32-bit words.
HWY_INLINE void multiplyWords(Words a, uint32_t factor, Words& high, Words& low)
{
    const WordTag d;
#if HWY_TARGET == HWY_SCALAR
    const uint64_t product = uint64_t{hn::GetLane(a)} * factor;
    high = hn::Set(d, static_cast<uint32_t>(product >> 32));
    low = hn::Set(d, static_cast<uint32_t>(product));
#else
    const hn::Repartition<uint64_t, WordTag> wide;
    const Words f = hn::Set(d, factor);
    const auto even = hn::MulEven(a, f);
    const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), f);
    high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
    low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
#endif
}

/// Ten rounds of Philox4x32 on as many blocks as a vector has lanes.
HWY_INLINE void philox(Words (&counter)[4], const RandomKey& key)
{
    const WordTag d;
    auto key0 = static_cast<uint32_t>(key.seed);
    auto key1 = static_cast<uint32_t>(key.seed >> 32);
    for (int round = 0; round < 10; ++round) {
        Words high0;
        Words low0;
        Words high2;
        Words low2;
        multiplyWords(counter[0], 0xD2511F53U, high0, low0);
        multiplyWords(counter[2], 0xCD9E8D57U, high2, low2);
        counter[0] = hn::Xor(hn::Xor(high2, counter[1]), hn::Set(d, key0));
        counter[1] = low2;
        counter[2] = hn::Xor(hn::Xor(high0, counter[3]), hn::Set(d, key1));
        counter[3] = low0;
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
}

/// The 64 words of a group.
HWY_INLINE void groupWords(const RandomKey& key, int64_t group, uint32_t* words)
{
    const WordTag d;
    const uint64_t first = static_cast<uint64_t>(group) * groupBlocks;
    for (int64_t j = 0; j < groupBlocks; j += lanes()) {
        // 16 divides the first block's number, so that the sum does not carry into the upper word.
        Words counter[4] = {hn::Iota(d, static_cast<uint32_t>(first) + static_cast<uint32_t>(j)),
            hn::Set(d, static_cast<uint32_t>(first >> 32)), hn::Set(d, key.step), hn::Set(d, key.stream)};
        philox(counter, key);
        for (int64_t w = 0; w < 4; ++w)
            hn::StoreU(counter[w], d, words + w * groupBlocks + j);
    }
}

/// Some values of a group.
struct Run
{
    int64_t to;    ///< where the first one goes
    int64_t first; ///< in the group
    int64_t count;
};

/// Calls body(run, words of the group) for the groups of units [begin, end). Vectors may be loaded from behind
/// the words.
template <class Body>
HWY_INLINE void forGroups(const RandomKey& key, int64_t size, int64_t begin, int64_t end, const Body& body)
{
    HWY_ALIGN uint32_t words[groupSize + groupBlocks] = {};
    const int64_t last = std::min(end * randomUnit, size);
    Run run{begin * randomUnit, key.first % groupSize, 0};
    while (run.to < last) {
        groupWords(key, (key.first + run.to) / groupSize, words);
        run.count = std::min(groupSize - run.first, last - run.to);
        body(run, words);
        run.to += run.count;
        run.first = 0;
    }
}

void wordUnits(const RandomKey& key, int64_t size, uint32_t* out, int64_t begin, int64_t end)
{
    forGroups(key, size, begin, end, [&](const Run& run, const uint32_t* words) HWY_ATTR {
        std::copy_n(words + run.first, run.count, out + run.to);
    });
}

void dropoutUnits(const DropoutArgs& args, int64_t begin, int64_t end)
{
    // Words below rate * 2^32 drop their value.
    const auto threshold = static_cast<uint32_t>(static_cast<double>(args.rate) * 0x1p32);
    const Floats scale = broadcast(static_cast<float>(1.0 / (1.0 - static_cast<double>(args.rate))));
    const WordTag d;
    forGroups(args.key, args.size, begin, end, [&](const Run& run, const uint32_t* words) HWY_ATTR {
        forVectors(run.count, [&](int64_t j, auto loadIt, auto storeIt) HWY_ATTR {
            const Words word = hn::LoadU(d, words + run.first + j);
            // max(word, threshold) == word is word >= threshold; unsigned comparison is not everywhere.
            const auto keep = hn::Eq(hn::Max(word, hn::Set(d, threshold)), word);
            const Floats kept = hn::IfThenElseZero(hn::RebindMask(FloatTag(), keep), scale);
            storeIt(hn::Mul(loadIt(args.x + run.to + j), kept), args.y + run.to + j);
        });
    });
}

/// The upper 24 bits as a float in [0, 2^24), exact.
HWY_INLINE Floats upperBits(const uint32_t* words)
{
    const Words word = hn::LoadU(WordTag(), words);
    return hn::ConvertTo(FloatTag(), hn::BitCast(IntTag(), hn::ShiftRight<8>(word)));
}

void uniformUnits(const RandomFillArgs& args, float low, float high, int64_t begin, int64_t end)
{
    const Floats scale = broadcast((high - low) * 0x1p-24F);
    const Floats start = broadcast(low);
    // Rounding may reach `high` itself, which does not belong to the interval.
    const Floats below = broadcast(high > low ? std::nextafter(high, low) : low);
    forGroups(args.key, args.size, begin, end, [&](const Run& run, const uint32_t* words) HWY_ATTR {
        forVectors(run.count, [&](int64_t j, auto, auto storeIt) HWY_ATTR {
            const Floats v = hn::Add(hn::Mul(upperBits(words + run.first + j), scale), start);
            storeIt(hn::Min(v, below), args.y + run.to + j);
        });
    });
}

template <size_t N>
HWY_INLINE Floats plainPolynomial(Floats x, const float (&coefficients)[N])
{
    Floats sum = broadcast(coefficients[0]);
    GRADLOOM_UNROLL for (size_t i = 1; i < N; ++i) sum = hn::Add(hn::Mul(sum, x), broadcast(coefficients[i]));
    return sum;
}

/// log(x) for normal x; as in math-inl.h, but without fused multiply-add.
HWY_INLINE Floats plainLog(Floats x)
{
    const IntTag d;
    const Ints moved = hn::Sub(hn::BitCast(d, x), hn::Set(d, 0x3F3504F3));
    const Floats e = hn::ConvertTo(FloatTag(), hn::ShiftRight<23>(moved));
    const Floats mantissa =
        hn::BitCast(FloatTag(), hn::Add(hn::And(moved, hn::Set(d, 0x007FFFFF)), hn::Set(d, 0x3F3504F3)));
    const Floats f = hn::Sub(mantissa, broadcast(1.0F));
    const Floats f2 = hn::Mul(f, f);
    const Floats p = plainPolynomial(
        f, {7.0376836292e-2F, -1.1514610310e-1F, 1.1676998740e-1F, -1.2420140846e-1F, 1.4249322787e-1F,
               -1.6668057665e-1F, 2.0000714765e-1F, -2.4999993993e-1F, 3.3333331174e-1F});
    Floats y = hn::Mul(hn::Mul(f, f2), p);
    y = hn::Sub(y, hn::Mul(broadcast(0.5F), f2));
    return hn::Add(hn::Add(f, y), hn::Mul(e, broadcast(0.69314718056F)));
}

/// cos and sin of 2 pi t, 0 <= t < 1, t a multiple of 2^-24.
HWY_INLINE void turn(Floats t, Floats& cosine, Floats& sine)
{
    // The nearest quarter turn is taken off; what remains is at most an eighth.
    const Floats quarters = hn::Floor(hn::Add(hn::Mul(t, broadcast(4.0F)), broadcast(0.5F)));
    const Floats rest = hn::Sub(t, hn::Mul(quarters, broadcast(0.25F)));
    const Floats angle = hn::Mul(rest, broadcast(6.28318530718F));
    const Floats a2 = hn::Mul(angle, angle);
    const Floats s = hn::Add(
        angle, hn::Mul(hn::Mul(angle, a2),
                   plainPolynomial(a2, {2.75573192e-6F, -1.98412698e-4F, 8.33333333e-3F, -1.66666667e-1F})));
    const Floats c = hn::Add(broadcast(1.0F),
        hn::Mul(a2, plainPolynomial(a2, {2.48015873e-5F, -1.38888889e-3F, 4.16666667e-2F, -0.5F})));
    // Quarter turns 1 and 3 swap sine and cosine; 2 and 3 negate the sine, 1 and 2 the cosine.
    const auto is = [&](float q) HWY_ATTR { return hn::Eq(quarters, broadcast(q)); };
    const auto swap = hn::Or(is(1.0F), is(3.0F));
    const auto minusSine = hn::Or(is(2.0F), is(3.0F));
    const auto minusCosine = hn::Or(is(1.0F), is(2.0F));
    sine = hn::IfThenElse(swap, c, s);
    cosine = hn::IfThenElse(swap, s, c);
    sine = hn::IfThenElse(minusSine, hn::Neg(sine), sine);
    cosine = hn::IfThenElse(minusCosine, hn::Neg(cosine), cosine);
}

void normalUnits(const RandomFillArgs& args, float mean, float deviation, int64_t begin, int64_t end)
{
    forGroups(args.key, args.size, begin, end, [&](const Run& run, const uint32_t* words) HWY_ATTR {
        HWY_ALIGN float values[groupSize];
        // Words 0 and 1 of a block give two values, words 2 and 3 two more.
        for (int64_t half = 0; half < groupSize; half += 2 * groupBlocks)
            for (int64_t j = half; j < half + groupBlocks; j += lanes()) {
                // (0, 1], so that the logarithm is finite.
                const Floats u = hn::Mul(hn::Add(upperBits(words + j), broadcast(1.0F)), broadcast(0x1p-24F));
                const Floats radius = hn::Sqrt(hn::Mul(broadcast(-2.0F), plainLog(u)));
                Floats cosine;
                Floats sine;
                turn(hn::Mul(upperBits(words + j + groupBlocks), broadcast(0x1p-24F)), cosine, sine);
                const Floats scaled = hn::Mul(radius, broadcast(deviation));
                store(hn::Add(hn::Mul(scaled, cosine), broadcast(mean)), values + j);
                store(hn::Add(hn::Mul(scaled, sine), broadcast(mean)), values + j + groupBlocks);
            }
        std::copy_n(values + run.first, run.count, args.y + run.to);
    });
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(wordUnits);
HWY_EXPORT(dropoutUnits);
HWY_EXPORT(uniformUnits);
HWY_EXPORT(normalUnits);

int64_t randomUnits(int64_t size)
{
    return (size + randomUnit - 1) / randomUnit;
}

void randomWords(const RandomKey& key, int64_t size, uint32_t* words, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(wordUnits)(key, size, words, begin, end);
}

void dropout(const DropoutArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(dropoutUnits)(args, begin, end);
}

void randomUniform(const RandomFillArgs& args, float low, float high, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(uniformUnits)(args, low, high, begin, end);
}

void randomNormal(const RandomFillArgs& args, float mean, float deviation, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(normalUnits)(args, mean, deviation, begin, end);
}

} // namespace gradloom::cpu
#endif
