#include "attention_rows.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/attention_rows.cpp"
#include <hwy/foreach_target.h>

#include "math-inl.h"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// Lanes of a vector that starts at i of n; the others are `otherwise`.
HWY_INLINE Floats usedLanes(Floats v, int64_t rest, float otherwise)
{
    if (rest >= lanes())
        return v;
    return hn::IfThenElse(hn::FirstN(FloatTag(), static_cast<size_t>(rest)), v, broadcast(otherwise));
}

/// scale * score + bias at i.
template <class Load>
HWY_INLINE Floats biased(const ScoreRow& row, int64_t i, const Load& loadIt)
{
    const Floats scaled = hn::Mul(loadIt(row.scores + i), broadcast(row.scale));
    return row.bias == nullptr ? scaled : hn::Add(scaled, loadIt(row.bias + i));
}

float expRow(const ScoreRow& row, float& logSum)
{
    Floats best = broadcast(attentionMasked);
    forVectors(row.used, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
        best = maxKeepNan(best, usedLanes(biased(row, i, loadIt), row.used - i, attentionMasked));
    });
    const float maximum = maxLanes(best);
    if (maximum <= 0.5F * attentionMasked) {
        std::fill_n(row.scores, row.length, 0.0F);
        logSum = attentionEmpty;
        return 0.0F;
    }
    const Floats shift = broadcast(maximum);
    Floats total = zero();
    forVectors(row.used, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats e = expOf(hn::Sub(biased(row, i, loadIt), shift));
        storeIt(e, row.scores + i);
        total = hn::Add(total, usedLanes(e, row.used - i, 0.0F));
    });
    std::fill(row.scores + row.used, row.scores + row.length, 0.0F);
    const float sum = sumLanes(total);
    logSum = maximum + std::log(sum);
    return sum;
}

void probabilityRow(const ScoreRow& row, float logSum)
{
    const Floats shift = broadcast(logSum);
    forVectors(row.used, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        storeIt(expOf(hn::Sub(biased(row, i, loadIt), shift)), row.scores + i);
    });
    std::fill(row.scores + row.used, row.scores + row.length, 0.0F);
}

void scaleValues(float* y, int64_t n, float factor)
{
    const Floats f = broadcast(factor);
    forVectors(
        n, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR { storeIt(hn::Mul(loadIt(y + i), f), y + i); });
}

void scoreGradientRow(const ScoreGradientRow& row)
{
    Floats products = zero();
    forVectors(row.valueSize, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
        products = hn::MulAdd(loadIt(row.y + i), loadIt(row.dy + i), products);
    });
    const Floats sum = broadcast(sumLanes(products));
    const Floats scale = broadcast(row.scale);
    forVectors(row.length, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats probability = hn::Mul(loadIt(row.probabilities + i), scale);
        storeIt(hn::Mul(probability, hn::Sub(loadIt(row.gradients + i), sum)), row.gradients + i);
    });
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(expRow);
HWY_EXPORT(probabilityRow);
HWY_EXPORT(scaleValues);
HWY_EXPORT(scoreGradientRow);

float attentionExpRow(const ScoreRow& row, float& logSum)
{
    return HWY_DYNAMIC_DISPATCH(expRow)(row, logSum);
}

void attentionProbabilityRow(const ScoreRow& row, float logSum)
{
    HWY_DYNAMIC_DISPATCH(probabilityRow)(row, logSum);
}

void attentionScaleRow(float* y, int64_t n, float factor)
{
    HWY_DYNAMIC_DISPATCH(scaleValues)(y, n, factor);
}

void attentionScoreGradientRow(const ScoreGradientRow& row)
{
    HWY_DYNAMIC_DISPATCH(scoreGradientRow)(row);
}

} // namespace gradloom::cpu
#endif
