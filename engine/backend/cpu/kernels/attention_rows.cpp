#include "attention_rows.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/attention_rows.cpp"
#include <hwy/foreach_target.h>

#include "math-inl.h"

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

// Loops over all rows of a block, first for what a row has in common and then for its elements: neighbouring
// rows fill the time that one row's sum or maximum takes.

/// Lanes of a vector that starts at i of n; the others are `otherwise`.
HWY_INLINE Floats usedLanes(Floats v, int64_t rest, float otherwise)
{
    if (rest >= lanes())
        return v;
    return hn::IfThenElse(hn::FirstN(FloatTag(), static_cast<size_t>(rest)), v, broadcast(otherwise));
}

/// scale * score + bias - shift for a row's scores.
struct Shifted
{
    const float* bias;
    Floats scale, shift;

    template <class Load>
    HWY_INLINE Floats operator()(const float* row, int64_t i, const Load& loadIt) const
    {
        const Floats score = loadIt(row + i);
        return bias == nullptr ? hn::MulSub(score, scale, shift)
                               : hn::Sub(hn::MulAdd(score, scale, loadIt(bias + i)), shift);
    }
};

HWY_INLINE int64_t usedOf(const ScoreBlock& block, int64_t row)
{
    return std::min(block.used + row, block.length);
}

void maxima(const ScoreBlock& block, float* result)
{
    for (int64_t r = 0; r < block.rows; ++r) {
        const float* row = block.scores + r * block.length;
        const int64_t used = usedOf(block, r);
        const Shifted biased{block.bias, broadcast(block.scale), zero()};
        Floats best = broadcast(attentionMasked);
        forVectors(used, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
            best = maxKeepNan(best, usedLanes(biased(row, i, loadIt), used - i, attentionMasked));
        });
        result[r] = maxLanes(best);
    }
}

/// Row r of the scores = exp(scale * scores + bias - shift). Returns the sum.
HWY_INLINE float expRow(const ScoreBlock& block, int64_t r, float shift)
{
    float* row = block.scores + r * block.length;
    const int64_t used = usedOf(block, r);
    const Shifted shifted{block.bias, broadcast(block.scale), broadcast(shift)};
    Floats total = zero();
    forVectors(used, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats e = expNonPositive(shifted(row, i, loadIt));
        storeIt(e, row + i);
        total = hn::Add(total, usedLanes(e, used - i, 0.0F));
    });
    for (int64_t i = used; i < block.length; ++i)
        row[i] = 0.0F;
    return sumLanes(total);
}

void expBlock(const ScoreBlock& block, float* factors, float* logSum)
{
    constexpr float limit = 0.5F * attentionMasked;
    maxima(block, logSum);
    for (int64_t r = 0; r < block.rows; ++r)
        // So that all become 0 where no key counts.
        factors[r] = expRow(block, r, logSum[r] <= limit ? attentionEmpty : logSum[r]);
    forVectors(block.rows, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats maximum = loadIt(logSum + i);
        const Floats sum = loadIt(factors + i);
        const auto empty = hn::Le(maximum, broadcast(limit));
        storeIt(hn::IfThenElse(empty, broadcast(attentionEmpty), hn::Add(maximum, logOf(sum))), logSum + i);
        storeIt(hn::IfThenElse(empty, zero(), hn::Div(broadcast(1.0F), sum)), factors + i);
    });
}

void probabilities(const ScoreBlock& block, const float* logSum)
{
    for (int64_t r = 0; r < block.rows; ++r)
        expRow(block, r, logSum[r]);
}

void scaleValues(const ValueRows& rows, float* y, const float* factors)
{
    for (int64_t r = 0; r < rows.rows; ++r) {
        float* row = y + r * rows.distance;
        const Floats factor = broadcast(factors[r]);
        forVectors(rows.size, [&](int64_t i, auto loadIt, auto storeIt)
                                  HWY_ATTR { storeIt(hn::Mul(loadIt(row + i), factor), row + i); });
    }
}

void scoreGradients(const ScoreGradients& s)
{
    float sums[attentionBlockRows];
    for (int64_t r = 0; r < s.values.rows; ++r) {
        const float* y = s.y + r * s.values.distance;
        const float* dy = s.dy + r * s.values.distance;
        Floats products = zero();
        forVectors(s.values.size, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
            products = hn::MulAdd(loadIt(y + i), loadIt(dy + i), products);
        });
        sums[r] = sumLanes(products);
    }
    const Floats scale = broadcast(s.scale);
    for (int64_t r = 0; r < s.values.rows; ++r) {
        const float* probability = s.probabilities + r * s.length;
        float* gradient = s.gradients + r * s.length;
        const Floats sum = broadcast(sums[r]);
        forVectors(s.length, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const Floats scaled = hn::Mul(loadIt(probability + i), scale);
            storeIt(hn::Mul(scaled, hn::Sub(loadIt(gradient + i), sum)), gradient + i);
        });
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(expBlock);
HWY_EXPORT(probabilities);
HWY_EXPORT(scaleValues);
HWY_EXPORT(scoreGradients);

void attentionExp(const ScoreBlock& block, float* factors, float* logSum)
{
    HWY_DYNAMIC_DISPATCH(expBlock)(block, factors, logSum);
}

void attentionProbabilities(const ScoreBlock& block, const float* logSum)
{
    HWY_DYNAMIC_DISPATCH(probabilities)(block, logSum);
}

void attentionScale(const ValueRows& rows, float* y, const float* factors)
{
    HWY_DYNAMIC_DISPATCH(scaleValues)(rows, y, factors);
}

void attentionScoreGradients(const ScoreGradients& s)
{
    HWY_DYNAMIC_DISPATCH(scoreGradients)(s);
}

} // namespace gradloom::cpu
#endif
