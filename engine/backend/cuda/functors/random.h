#pragma once

#include "engine/backend/cuda/functors/portable.h"
#include "engine/base/philox.h"

/// The same random numbers as engine/backend/cpu/kernels/random.h, bit for bit: Philox4x32-10 (Salmon et al.
/// 2011). One call makes a block of four words, which are the values base, base + 16, base + 32 and base + 48
/// of a group of 64.
namespace gradloom::cuda {

/// Products and sums that a compiler may not join to a fused multiply-add, which rounds differently.
GRADLOOM_DEVICE float plainMul(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return __fmul_rn(a, b);
#else
    return a * b;
#endif
}

GRADLOOM_DEVICE float plainAdd(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return __fadd_rn(a, b);
#else
    return a + b;
#endif
}

/// Where a random operation's numbers come from: the counter in device memory (seed low, seed high, step, 0),
/// so that a captured step gets new numbers each time, and the operation's stream.
struct RandomSource
{
    const int32_t* counter = nullptr;
    uint32_t stream = 0;

    /// `seedOffset` is added to the seed: for operations that need several sequences.
    GRADLOOM_DEVICE RandomBlock block(int64_t index, uint64_t seedOffset = 0) const
    {
        const uint64_t seed = (static_cast<uint64_t>(static_cast<uint32_t>(counter[1])) << 32 |
                                  static_cast<uint32_t>(counter[0])) +
                              seedOffset;
        return philox4x32({{static_cast<uint32_t>(index), static_cast<uint32_t>(static_cast<uint64_t>(index) >> 32),
                              static_cast<uint32_t>(counter[2]), stream}},
            seed);
    }

    /// The word of one value.
    GRADLOOM_DEVICE uint32_t word(int64_t value, uint64_t seedOffset = 0) const
    {
        return block(value / 64 * 16 + value % 16, seedOffset).word[value / 16 % 4];
    }
};

/// So many values in a row, the first of which may lie within a group.
struct RandomRange
{
    int64_t size = 0;
    int64_t skipped = 0;    ///< values of the first group in front of them
    int64_t firstBlock = 0; ///< of the first group

    RandomRange() = default;
    explicit RandomRange(int64_t count, int64_t first = 0)
        : size(count), skipped(first % 64), firstBlock(first / 64 * 16)
    {
    }
    /// Blocks that they are in.
    int64_t blocks() const { return (skipped + size + 63) / 64 * 16; }
    /// Which of them is word 0 of a block, counted from the first group's; word w is 16·w further.
    GRADLOOM_DEVICE int64_t base(int64_t block) const { return block / 16 * 64 + block % 16 - skipped; }
    GRADLOOM_DEVICE bool has(int64_t value) const
    {
        return static_cast<uint64_t>(value) < static_cast<uint64_t>(size);
    }
};

/// What dropout does with a value: nothing is kept of words below rate·2³².
struct DropoutRule
{
    uint32_t threshold = 0;
    float scale = 1;

    DropoutRule() = default;
    explicit DropoutRule(float rate)
        : threshold(static_cast<uint32_t>(static_cast<double>(rate) * 4294967296.0)),
          scale(static_cast<float>(1.0 / (1.0 - static_cast<double>(rate))))
    {
    }
    GRADLOOM_DEVICE float factor(uint32_t word) const { return word >= threshold ? scale : 0.0F; }
};

/// y = x·mask/(1−rate); by blocks. y may be x.
struct Dropout
{
    RandomSource source;
    DropoutRule rule;
    RandomRange range;
    const float* x = nullptr;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const RandomBlock block = source.block(range.firstBlock + index);
        const int64_t base = range.base(index);
        for (int w = 0; w < 4; ++w) {
            const int64_t at = base + 16 * w;
            if (range.has(at))
                y[at] = x[at] * rule.factor(block.word[w]);
        }
    }
};

/// Uniform in [0, 1), multiples of 2⁻²⁴; by blocks.
struct RandomUniform
{
    RandomSource source;
    RandomRange range;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const RandomBlock block = source.block(range.firstBlock + index);
        const int64_t base = range.base(index);
        for (int w = 0; w < 4; ++w)
            if (range.has(base + 16 * w))
                y[base + 16 * w] = static_cast<float>(block.word[w] >> 8) * 0x1p-24F;
    }
};

/// Standard normal (Box and Muller 1958); by blocks.
struct RandomNormal
{
    RandomSource source;
    RandomRange range;
    float* y = nullptr;

    /// a·x + b without joining.
    static GRADLOOM_DEVICE float step(float a, float x, float b) { return plainAdd(plainMul(a, x), b); }

    static GRADLOOM_DEVICE float plainLog(float x)
    {
        const int32_t moved = bitsOf(x) - 0x3F3504F3;
        const auto e = static_cast<float>(moved >> 23);
        const float f = plainAdd(floatOf((moved & 0x007FFFFF) + 0x3F3504F3), -1.0F);
        const float f2 = plainMul(f, f);
        float p = step(7.0376836292e-2F, f, -1.1514610310e-1F);
        p = step(p, f, 1.1676998740e-1F);
        p = step(p, f, -1.2420140846e-1F);
        p = step(p, f, 1.4249322787e-1F);
        p = step(p, f, -1.6668057665e-1F);
        p = step(p, f, 2.0000714765e-1F);
        p = step(p, f, -2.4999993993e-1F);
        p = step(p, f, 3.3333331174e-1F);
        float y = plainMul(plainMul(f, f2), p);
        y = plainAdd(y, -plainMul(0.5F, f2));
        return plainAdd(plainAdd(f, y), plainMul(e, 0.69314718056F));
    }

    /// cos and sin of 2πt for multiples t of 2⁻²⁴ in [0, 1).
    static GRADLOOM_DEVICE void turn(float t, float& cosine, float& sine)
    {
        const float quarters = floorf(step(t, 4.0F, 0.5F));
        const float angle = plainMul(plainAdd(t, -plainMul(quarters, 0.25F)), 6.28318530718F);
        const float a2 = plainMul(angle, angle);
        float p = step(2.75573192e-6F, a2, -1.98412698e-4F);
        p = step(p, a2, 8.33333333e-3F);
        p = step(p, a2, -1.66666667e-1F);
        const float s = plainAdd(angle, plainMul(plainMul(angle, a2), p));
        p = step(2.48015873e-5F, a2, -1.38888889e-3F);
        p = step(p, a2, 4.16666667e-2F);
        p = step(p, a2, -0.5F);
        const float c = plainAdd(1.0F, plainMul(a2, p));
        const bool swap = quarters == 1.0F || quarters == 3.0F;
        sine = swap ? c : s;
        cosine = swap ? s : c;
        if (quarters == 2.0F || quarters == 3.0F)
            sine = -sine;
        if (quarters == 1.0F || quarters == 2.0F)
            cosine = -cosine;
    }

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const RandomBlock block = source.block(range.firstBlock + index);
        const int64_t base = range.base(index);
        for (int w = 0; w < 4; w += 2) {
            const float u = plainMul(plainAdd(static_cast<float>(block.word[w] >> 8), 1.0F), 0x1p-24F);
            const float radius = sqrtf(plainMul(-2.0F, plainLog(u)));
            float cosine;
            float sine;
            turn(plainMul(static_cast<float>(block.word[w + 1] >> 8), 0x1p-24F), cosine, sine);
            if (range.has(base + 16 * w))
                y[base + 16 * w] = plainMul(radius, cosine);
            if (range.has(base + 16 * (w + 1)))
                y[base + 16 * (w + 1)] = plainMul(radius, sine);
        }
    }
};

} // namespace gradloom::cuda
