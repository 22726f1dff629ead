#pragma once

#include "engine/backend/cuda/functors/random.h"

/// softmax(scale·Q·Kᵀ)·V for each sample and head, keys in chunks, so that no matrix of probabilities is
/// stored; the gradient computes them again from the logarithm of the softmax's denominator (Dao et al.
/// 2022).
namespace gradloom::cuda {

struct AttentionShape
{
    static constexpr int64_t chunk = 512;          ///< keys, or queries, whose scores a team keeps
    static constexpr int64_t dropoutQueries = 128; ///< queries that share a sequence of random numbers
    static constexpr float masked = -1e30F;
    static constexpr float empty = 1e30F; ///< logSum of a query without keys

    int64_t batch = 0, heads = 1, queries = 0, keys = 0;
    int64_t size = 0;      ///< of a query and a key of one head
    int64_t valueSize = 0; ///< of a value of one head
    bool causal = false;
    float scale = 1;
    bool drop = false;
    DropoutRule rule;
    /// Unit 0 drops what unit `firstDrawn` would; from unit `laterUnits` on they are `laterBy` further.
    int64_t firstDrawn = 0, laterUnits = 0, laterBy = 0;
};

struct AttentionInputs
{
    AttentionShape s;
    RandomSource source;
    const float* q = nullptr;
    const float* k = nullptr;
    const float* v = nullptr;
    const float* mask = nullptr;

    GRADLOOM_DEVICE const float* query(int64_t unit, int64_t i) const
    {
        return q + ((unit / s.heads * s.queries + i) * s.heads + unit % s.heads) * s.size;
    }
    GRADLOOM_DEVICE int64_t keyAt(int64_t unit, int64_t j) const
    {
        return ((unit / s.heads * s.keys + j) * s.heads + unit % s.heads) * s.size;
    }
    GRADLOOM_DEVICE int64_t valueAt(int64_t unit, int64_t j) const
    {
        return ((unit / s.heads * s.keys + j) * s.heads + unit % s.heads) * s.valueSize;
    }
    /// Of results: like a value, but by query.
    GRADLOOM_DEVICE int64_t resultAt(int64_t unit, int64_t i) const
    {
        return ((unit / s.heads * s.queries + i) * s.heads + unit % s.heads) * s.valueSize;
    }
    GRADLOOM_DEVICE bool counts(int64_t unit, int64_t j) const
    {
        return mask == nullptr || mask[unit / s.heads * s.keys + j] > 0.5F;
    }
    /// Keys that a query may see.
    GRADLOOM_DEVICE int64_t visible(int64_t i) const { return s.causal ? minOf(s.keys, i + 1) : s.keys; }

    static GRADLOOM_DEVICE float dot(const float* a, const float* b, int64_t n)
    {
        float sum[4] = {0, 0, 0, 0};
        int64_t c = 0;
        if (n % 4 == 0 && isAligned(a) && isAligned(b))
            for (; c < n; c += 4) {
                const Lanes<4> x = loadLanes<4>(a + c);
                const Lanes<4> y = loadLanes<4>(b + c);
                for (int i = 0; i < 4; ++i)
                    sum[i] += x.v[i] * y.v[i];
            }
        for (; c < n; ++c)
            sum[0] += a[c] * b[c];
        return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }

    GRADLOOM_DEVICE float score(int64_t unit, int64_t i, int64_t j) const
    {
        return counts(unit, j) ? s.scale * dot(query(unit, i), k + keyAt(unit, j), s.size)
                               : AttentionShape::masked;
    }

    /// What dropout multiplies the probability of key j for query i with: the numbers of the CPU, which draws
    /// them for blocks of queries with the keys that any of them sees.
    GRADLOOM_DEVICE float dropFactor(int64_t unit, int64_t i, int64_t j) const
    {
        if (!s.drop)
            return 1.0F;
        const int64_t block = i / AttentionShape::dropoutQueries;
        const int64_t blocks =
            (s.queries + AttentionShape::dropoutQueries - 1) / AttentionShape::dropoutQueries;
        int64_t length = s.keys;
        if (s.causal) {
            const int64_t end = minOf((block + 1) * AttentionShape::dropoutQueries, s.queries);
            length = minOf(s.keys, (end + 63) / 64 * 64);
        }
        const int64_t drawn = unit + s.firstDrawn + (unit < s.laterUnits ? 0 : s.laterBy);
        const uint64_t seedOffset = 0x9E3779B97F4A7C15U * static_cast<uint64_t>(drawn * blocks + block + 1);
        return s.rule.factor(source.word(i % AttentionShape::dropoutQueries * length + j, seedOffset));
    }
};

/// Result and logarithm of the denominator; teams by sample, head and query. `shared`: chunk + valueSize
/// floats.
struct Attention
{
    AttentionInputs in;
    float* y = nullptr;
    float* logSum = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const AttentionShape& s = in.s;
        const Division at = divide(index, s.queries);
        const int64_t unit = at.quotient;
        const int64_t i = at.rest;
        float* scores = team.shared;
        float* sums = scores + AttentionShape::chunk;
        for (int64_t c = team.rank(); c < s.valueSize; c += team.size())
            sums[c] = 0;
        float maximum = AttentionShape::masked;
        float total = 0;
        for (int64_t base = 0; base < in.visible(i); base += AttentionShape::chunk) {
            const int64_t count = minOf(AttentionShape::chunk, in.visible(i) - base);
            float best = AttentionShape::masked;
            for (int64_t j = team.rank(); j < count; j += team.size()) {
                scores[j] = in.score(unit, i, base + j);
                best = larger(best, scores[j]);
            }
            best = larger(maximum, team.max(best));
            if (best <= 0.5F * AttentionShape::masked)
                continue;
            const float rescale = expf(maximum - best);
            maximum = best;
            total = total * rescale + weights(team, unit, i, base, count, best);
            team.sync();
            addValues(team, unit, base, count, rescale);
            team.sync();
        }
        const float factor = total == 0.0F ? 0.0F : 1.0F / total;
        for (int64_t c = team.rank(); c < s.valueSize; c += team.size())
            y[in.resultAt(unit, i) + c] = sums[c] * factor;
        if (team.rank() == 0)
            logSum[index] = total == 0.0F ? AttentionShape::empty : maximum + logf(total);
        team.sync();
    }

    /// Turns scores into exponentials behind dropout; returns their sum before it.
    template <class Team>
    GRADLOOM_DEVICE float weights(
        Team& team, int64_t unit, int64_t i, int64_t base, int64_t count, float maximum) const
    {
        float sum = 0;
        for (int64_t j = team.rank(); j < count; j += team.size()) {
            const float e = expf(team.shared[j] - maximum);
            sum += e;
            team.shared[j] = e * in.dropFactor(unit, i, base + j);
        }
        return team.sum(sum);
    }

    template <class Team>
    GRADLOOM_DEVICE void addValues(Team& team, int64_t unit, int64_t base, int64_t count, float rescale) const
    {
        float* sums = team.shared + AttentionShape::chunk;
        const int64_t stride = in.s.heads * in.s.valueSize;
        for (int64_t c = team.rank(); c < in.s.valueSize; c += team.size()) {
            const float* value = in.v + in.valueAt(unit, base) + c;
            float sum = sums[c] * rescale;
            for (int64_t j = 0; j < count; ++j)
                sum += team.shared[j] * value[j * stride];
            sums[c] = sum;
        }
    }
};

/// Probabilities behind dropout in place of the scores Q·Kᵀ; teams by unit and query.
struct AttentionProbabilities
{
    AttentionInputs in;
    float* scores = nullptr; ///< [units, queries, keys]
    float* logSum = nullptr;

    GRADLOOM_DEVICE float score(const float* row, int64_t unit, int64_t j) const
    {
        return in.counts(unit, j) ? in.s.scale * row[j] : AttentionShape::masked;
    }

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const Division at = divide(index, in.s.queries);
        float* row = scores + index * in.s.keys;
        const int64_t visible = in.visible(at.rest);
        float best = AttentionShape::masked;
        for (int64_t j = team.rank(); j < visible; j += team.size())
            best = larger(best, score(row, at.quotient, j));
        best = team.max(best);
        const bool any = !(best <= 0.5F * AttentionShape::masked);
        float sum = 0;
        for (int64_t j = team.rank(); any && j < visible; j += team.size())
            sum += expf(score(row, at.quotient, j) - best);
        sum = team.sum(sum);
        const float factor = any ? 1.0F / sum : 0.0F;
        for (int64_t j = team.rank(); j < in.s.keys; j += team.size())
            row[j] = any && j < visible ? expf(score(row, at.quotient, j) - best) * factor *
                                              in.dropFactor(at.quotient, at.rest, j)
                                        : 0.0F;
        if (team.rank() == 0)
            logSum[index] = any ? best + logf(sum) : AttentionShape::empty;
    }
};

/// Probabilities behind dropout in place of the scores Q·Kᵀ, and the scores' gradients in place of those of
/// the probabilities, dY·Vᵀ; by elements.
struct AttentionScoreGradient
{
    AttentionInputs in;
    const float* logSum = nullptr;
    const float* products = nullptr; ///< [units, queries]: Σ y·dy
    float* scores = nullptr;         ///< [units, queries, keys]
    float* gradients = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const Division byKey = divide(index, in.s.keys);
        const Division byQuery = divide(byKey.quotient, in.s.queries);
        const int64_t unit = byQuery.quotient;
        const bool used = byKey.rest < in.visible(byQuery.rest) && in.counts(unit, byKey.rest);
        const float probability = used ? expf(in.s.scale * scores[index] - logSum[byKey.quotient]) : 0.0F;
        const float factor = in.dropFactor(unit, byQuery.rest, byKey.rest);
        const float g = gradients[index] * factor - products[byKey.quotient];
        scores[index] = probability * factor;
        gradients[index] = probability * in.s.scale * g;
    }
};

/// What the passes of the gradient share.
struct AttentionGradientInputs
{
    AttentionInputs in;
    const float* logSum = nullptr;
    const float* dy = nullptr;
    const float* products = nullptr; ///< [batch, heads, queries]: Σ y·dy

    struct Element
    {
        float dropped;  ///< probability behind dropout
        float gradient; ///< of the score
    };

    GRADLOOM_DEVICE Element element(int64_t unit, int64_t i, int64_t j) const
    {
        const AttentionShape& s = in.s;
        const int64_t row = unit * s.queries + i;
        const float probability = expf(in.score(unit, i, j) - logSum[row]);
        const float factor = in.dropFactor(unit, i, j);
        const float g =
            AttentionInputs::dot(dy + in.resultAt(unit, i), in.v + in.valueAt(unit, j), s.valueSize) * factor;
        return {probability * factor, probability * s.scale * (g - products[row])};
    }
};

/// Σ y·dy of each query; by sample, head and query.
struct AttentionProducts
{
    AttentionInputs in;
    const float* y = nullptr;
    const float* dy = nullptr;
    float* products = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t index) const
    {
        const Division at = divide(index, in.s.queries);
        const int64_t from = in.resultAt(at.quotient, at.rest);
        products[index] = AttentionInputs::dot(y + from, dy + from, in.s.valueSize);
    }
};

/// dq; teams by sample, head and query. `shared`: chunk + size floats.
struct AttentionQueryGradient
{
    AttentionGradientInputs g;
    float* dq = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const AttentionShape& s = g.in.s;
        const Division at = divide(index, s.queries);
        const int64_t unit = at.quotient;
        float* gradients = team.shared;
        float* sums = gradients + AttentionShape::chunk;
        for (int64_t c = team.rank(); c < s.size; c += team.size())
            sums[c] = 0;
        const int64_t stride = s.heads * s.size;
        for (int64_t base = 0; base < g.in.visible(at.rest); base += AttentionShape::chunk) {
            const int64_t count = minOf(AttentionShape::chunk, g.in.visible(at.rest) - base);
            for (int64_t j = team.rank(); j < count; j += team.size())
                gradients[j] = g.element(unit, at.rest, base + j).gradient;
            team.sync();
            for (int64_t c = team.rank(); c < s.size; c += team.size()) {
                const float* key = g.in.k + g.in.keyAt(unit, base) + c;
                float sum = sums[c];
                for (int64_t j = 0; j < count; ++j)
                    sum += gradients[j] * key[j * stride];
                sums[c] = sum;
            }
            team.sync();
        }
        float* to = dq + (g.in.query(unit, at.rest) - g.in.q);
        for (int64_t c = team.rank(); c < s.size; c += team.size())
            to[c] = sums[c];
        team.sync();
    }
};

/// dk and dv; teams by sample, head and key. `shared`: 2·chunk + size + valueSize floats.
struct AttentionKeyGradient
{
    AttentionGradientInputs g;
    float* dk = nullptr;
    float* dv = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const AttentionShape& s = g.in.s;
        const Division at = divide(index, s.keys);
        const int64_t unit = at.quotient;
        const int64_t j = at.rest;
        float* gradients = team.shared;
        float* probabilities = gradients + AttentionShape::chunk;
        float* keySums = probabilities + AttentionShape::chunk;
        float* valueSums = keySums + s.size;
        for (int64_t c = team.rank(); c < s.size + s.valueSize; c += team.size())
            keySums[c] = 0;
        team.sync();
        const int64_t begin = s.causal ? j : 0;
        const bool used = g.in.counts(unit, j);
        for (int64_t base = begin; used && base < s.queries; base += AttentionShape::chunk) {
            const int64_t count = minOf(AttentionShape::chunk, s.queries - base);
            for (int64_t i = team.rank(); i < count; i += team.size()) {
                const auto e = g.element(unit, base + i, j);
                gradients[i] = e.gradient;
                probabilities[i] = e.dropped;
            }
            team.sync();
            addRows(team, gradients, g.in.query(unit, base), s.size, count, keySums);
            addRows(team, probabilities, g.dy + g.in.resultAt(unit, base), s.valueSize, count, valueSums);
            team.sync();
        }
        for (int64_t c = team.rank(); c < s.size; c += team.size())
            dk[g.in.keyAt(unit, j) + c] = keySums[c];
        for (int64_t c = team.rank(); c < s.valueSize; c += team.size())
            dv[g.in.valueAt(unit, j) + c] = valueSums[c];
        team.sync();
    }

    /// sums[c] += Σ factor[i]·rows[i][c].
    template <class Team>
    GRADLOOM_DEVICE void addRows(
        Team& team, const float* factor, const float* rows, int64_t size, int64_t count, float* sums) const
    {
        for (int64_t c = team.rank(); c < size; c += team.size()) {
            float sum = sums[c];
            for (int64_t i = 0; i < count; ++i)
                sum += factor[i] * rows[i * g.in.s.heads * size + c];
            sums[c] = sum;
        }
    }
};

} // namespace gradloom::cuda
