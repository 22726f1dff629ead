#pragma once

#include <cstdint>

namespace gradloom::cpu {

/// Scores of some queries, a row for each.
struct ScoreBlock
{
    float* scores = nullptr; ///< [rows, length]
    std::int64_t rows = 0;
    std::int64_t length = 0; ///< keys of the block
    /// Keys that the first query may see; each query sees one more than the one before. The others become 0.
    std::int64_t used = 0;
    const float* bias = nullptr; ///< added to each score: 0 or attentionMasked, [length]; null: 0
    float scale = 1.0F;
};

/// Rows of a block at most.
inline constexpr std::int64_t attentionBlockRows = 128;
/// Bias of a key that does not count; finite, so that no NaN comes of it.
inline constexpr float attentionMasked = -1e30F;
/// logSum of a query without keys: the probabilities that are computed from it
/// are 0.
inline constexpr float attentionEmpty = 1e30F;

/// scores = exp(scale * scores + bias - maximum of the row). Leaves in `factors` what makes probabilities of
/// them, 0 for a query without keys, and in `logSum` the logarithm of the softmax's denominator; both [rows].
void attentionExp(const ScoreBlock& block, float* factors, float* logSum);
/// scores = exp(scale * scores + bias - logSum of the row): the probabilities.
void attentionProbabilities(const ScoreBlock& block, const float* logSum);

/// Values or their gradients: a row for each query.
struct ValueRows
{
    std::int64_t rows = 0;
    std::int64_t size = 0;
    std::int64_t distance = 0; ///< of two rows
};
/// Each row of y times its factor.
void attentionScale(const ValueRows& rows, float* y, const float* factors);

struct ScoreGradients
{
    const float* probabilities = nullptr; ///< [rows, length]
    float* gradients = nullptr;           ///< of the probabilities, then of the scores; [rows, length]
    std::int64_t length = 0;
    ValueRows values;
    const float* y = nullptr;
    const float* dy = nullptr;
    float scale = 1.0F;
};
/// gradients = probabilities * (gradients - sum of y * dy) * scale.
void attentionScoreGradients(const ScoreGradients& s);

} // namespace gradloom::cpu
