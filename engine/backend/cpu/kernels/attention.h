#pragma once

#include "random.h"

#include <cstdint>

namespace gradloom::cpu {

// softmax(scale * Q * K^T) * V per sample and head (Vaswani et al. 2017), in
// blocks of queries, so that the probabilities stay in cache and are never
// stored; the gradient computes them again from the logarithm of the softmax's
// denominator (Dao et al., "FlashAttention", 2022).

struct AttentionShape
{
    std::int64_t batch = 0, heads = 1;
    std::int64_t queries = 0, keys = 0;
    std::int64_t size = 0;      ///< of a query and a key of one head
    std::int64_t valueSize = 0; ///< of a value of one head
    bool causal = false;        ///< query i sees the keys 0 .. i only
    float scale = 1.0F;
    float rate = 0.0F; ///< share of the probabilities that dropout drops
    /// Unit 0 drops what unit `firstDrawn` would; from unit `laterUnits` on they are `laterBy` further.
    std::int64_t firstDrawn = 0, laterUnits = 0, laterBy = 0;
};

/// Units: pairs of a sample and a head.
std::int64_t attentionUnits(const AttentionShape& shape);
/// Floats of scratch for one concurrent call.
std::int64_t attentionScratch(const AttentionShape& shape);
std::int64_t attentionGradScratch(const AttentionShape& shape);

struct AttentionOperands
{
    const float* q = nullptr;    ///< [batch, queries, heads * size]
    const float* k = nullptr;    ///< [batch, keys, heads * size]
    const float* v = nullptr;    ///< [batch, keys, heads * valueSize]
    const float* mask = nullptr; ///< [batch, keys]: keys count where it is above
                                 ///< 0.5; null: all do
    RandomKey key;               ///< of dropout
    float* scratch = nullptr;
};

struct AttentionArgs
{
    AttentionOperands in;
    float* y = nullptr;      ///< [batch, queries, heads * valueSize]
    float* logSum = nullptr; ///< [batch, heads, queries]
};
void attention(const AttentionShape& shape, const AttentionArgs& args, std::int64_t begin, std::int64_t end);

struct AttentionGradArgs
{
    AttentionOperands in;
    const float* y = nullptr;
    const float* logSum = nullptr;
    const float* dy = nullptr;
    float* dq = nullptr;
    float* dk = nullptr;
    float* dv = nullptr;
};
void attentionGrad(
    const AttentionShape& shape, const AttentionGradArgs& args, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
