#pragma once

#include <cstdint>

namespace gradloom::cpu {

/// A row of scores of one query.
struct ScoreRow
{
    float* scores = nullptr;
    std::int64_t used = 0;       ///< keys that this query may see: the first ones
    std::int64_t length = 0;     ///< keys of the block; those behind `used` become 0
    const float* bias = nullptr; ///< added to each score: 0 or attentionMasked; null: 0
    float scale = 1.0F;
};

/// Bias of a key that does not count; finite, so that no NaN comes of it.
inline constexpr float attentionMasked = -1e30F;
/// logSum of a query without keys: the probabilities that are computed from it
/// are 0.
inline constexpr float attentionEmpty = 1e30F;

/// scores = exp(scale * scores + bias - maximum). Returns the sum, 0 for a
/// query without keys, and the logarithm of the softmax's denominator.
float attentionExpRow(const ScoreRow& row, float& logSum);
/// scores = exp(scale * scores + bias - logSum): the probabilities.
void attentionProbabilityRow(const ScoreRow& row, float logSum);
/// y *= factor.
void attentionScaleRow(float* y, std::int64_t n, float factor);
/// gradients = probabilities * (gradients - sum of y * dy) * scale, where
/// gradients are those of the probabilities.
struct ScoreGradientRow
{
    const float* probabilities = nullptr;
    float* gradients = nullptr;
    std::int64_t length = 0;
    const float* y = nullptr;
    const float* dy = nullptr;
    std::int64_t valueSize = 0;
    float scale = 1.0F;
};
void attentionScoreGradientRow(const ScoreGradientRow& row);

} // namespace gradloom::cpu
