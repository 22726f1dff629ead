#pragma once

#include "engine/backend/cuda/functors/portable.h"

namespace gradloom::cuda {

/// Number, mean and sum of squared deviations of some values, joined as in Chan, Golub and LeVeque 1979.
struct Moments
{
    float count = 0;
    float mean = 0;
    float squares = 0;

    GRADLOOM_DEVICE void join(const Moments& other)
    {
        if (other.count == 0)
            return;
        const float total = count + other.count;
        const float delta = other.mean - mean;
        const float share = other.count / total;
        mean += delta * share;
        squares += other.squares + delta * delta * share * count;
        count = total;
    }
};

struct BatchNormShape
{
    int64_t rows = 0, channels = 0, parts = 1;

    int64_t tiles() const { return ColumnTile::count(channels); }
    int64_t teams() const { return parts * tiles(); }
};

/// Moments of each channel over a part of the rows: [parts, channels, 3]. Teams by part and tile of channels;
/// `shared`: three floats a thread.
struct BatchNormMoments
{
    BatchNormShape s;
    const float* x = nullptr;
    float* partials = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const ColumnTile tile(team);
        const Division at = divide(index, ColumnTile::count(s.channels));
        for (int c = tile.column; c < ColumnTile::width; c += tile.columns) {
            const int64_t channel = at.rest * ColumnTile::width + c;
            Moments m;
            if (channel < s.channels)
                m = ofRows(channel, partBegin(s.rows, s.parts, at.quotient) + tile.row,
                    partBegin(s.rows, s.parts, at.quotient + 1), tile.rows);
            float* mine = team.shared + 3 * team.rank();
            mine[0] = m.count;
            mine[1] = m.mean;
            mine[2] = m.squares;
            team.sync();
            if (tile.row == 0 && channel < s.channels) {
                for (int row = 1; row < tile.rows; ++row) {
                    const float* other = team.shared + 3 * (row * tile.columns + tile.column);
                    m.join({other[0], other[1], other[2]});
                }
                float* to = partials + (at.quotient * s.channels + channel) * 3;
                to[0] = m.count;
                to[1] = m.mean;
                to[2] = m.squares;
            }
            team.sync();
        }
    }

    /// Deviations are summed from the first value, which lies near the mean, so that no digits are lost.
    GRADLOOM_DEVICE Moments ofRows(int64_t channel, int64_t begin, int64_t end, int64_t step) const
    {
        if (begin >= end)
            return {};
        const float shift = x[begin * s.channels + channel];
        float sum = 0;
        float squares = 0;
        float count = 0;
        for (int64_t row = begin; row < end; row += step) {
            const float d = x[row * s.channels + channel] - shift;
            sum += d;
            squares += d * d;
            count += 1;
        }
        const float mean = sum / count;
        return {count, shift + mean, fmaxf(squares - sum * mean, 0.0F)};
    }
};

/// What x is multiplied by behind the mean.
GRADLOOM_DEVICE float batchNormScale(float gamma, float variance, float epsilon)
{
    return gamma / sqrtf(variance + epsilon);
}

/// In one rounding wherever it is computed, so that the gradient finds the sign that the result had.
GRADLOOM_DEVICE float batchNormResult(float centred, float scale, float beta)
{
    return fmaf(centred, scale, beta);
}

/// Mean and biased variance from the parts' moments, and gamma/√(variance+epsilon); teams by channels.
/// `shared`: three floats a thread.
struct BatchNormStatistics
{
    BatchNormShape s;
    const float* partials = nullptr;
    const float* gamma = nullptr;
    float epsilon = 0;
    float* mean = nullptr;
    float* variance = nullptr;
    float* scale = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t channel) const
    {
        Moments m;
        for (int64_t part = team.rank(); part < s.parts; part += team.size()) {
            const float* from = partials + (part * s.channels + channel) * 3;
            m.join({from[0], from[1], from[2]});
        }
        float* mine = team.shared + 3 * team.rank();
        mine[0] = m.count;
        mine[1] = m.mean;
        mine[2] = m.squares;
        team.sync();
        if (team.rank() != 0)
            return;
        for (int other = 1; other < team.size(); ++other)
            m.join({mine[3 * other], mine[3 * other + 1], mine[3 * other + 2]});
        const float biased = m.squares / static_cast<float>(s.rows);
        mean[channel] = m.mean;
        variance[channel] = biased;
        scale[channel] = batchNormScale(gamma[channel], biased, epsilon);
    }
};

/// y = activation(scale·(x−mean) + beta); by groups of elements of one row.
template <int Width>
struct BatchNormApply
{
    int64_t channels = 1;
    const float* x = nullptr;
    const float* mean = nullptr;
    const float* scale = nullptr;
    const float* beta = nullptr;
    bool relu = false;
    float* y = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t group) const
    {
        const int64_t first = group * Width;
        const int64_t c = divide(first, channels).rest;
        Lanes<Width> v = loadLanes<Width>(x + first);
        for (int k = 0; k < Width; ++k) {
            v.v[k] = batchNormResult(v.v[k] - mean[c + k], scale[c + k], beta[c + k]);
            v.v[k] = relu ? rectified(v.v[k]) : v.v[k];
        }
        storeLanes(v, y + first);
    }
};

/// What both passes of the gradient read.
struct BatchNormGradientInputs
{
    const float* x = nullptr;
    const float* gamma = nullptr;
    const float* mean = nullptr;
    const float* variance = nullptr;
    const float* dy = nullptr;
    const float* beta = nullptr; ///< where a ReLU was fused, else null
    float epsilon = 0;

    /// dy of a channel behind the ReLU, if there is one: the result is computed once more.
    GRADLOOM_DEVICE float masked(float gradient, float centred, float scale, int64_t channel) const
    {
        return beta != nullptr && !(batchNormResult(centred, scale, beta[channel]) > 0.0F) ? 0.0F : gradient;
    }
};

/// Σ dy and Σ dy·(x−mean) of each channel over a part of the rows: [parts, channels, 2]. Teams by part and
/// tile of channels; `shared`: two floats a thread.
struct BatchNormGradientSums
{
    BatchNormShape s;
    BatchNormGradientInputs in;
    float* partials = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const ColumnTile tile(team);
        const Division at = divide(index, ColumnTile::count(s.channels));
        const int64_t begin = partBegin(s.rows, s.parts, at.quotient);
        const int64_t end = partBegin(s.rows, s.parts, at.quotient + 1);
        for (int c = tile.column; c < ColumnTile::width; c += tile.columns) {
            const int64_t channel = at.rest * ColumnTile::width + c;
            float sums[2] = {}; // of dy, of the products
            if (channel < s.channels) {
                const float mean = in.mean[channel];
                const float scale = batchNormScale(in.gamma[channel], in.variance[channel], in.epsilon);
                for (int64_t row = begin + tile.row; row < end; row += tile.rows) {
                    const int64_t i = row * s.channels + channel;
                    const float centred = in.x[i] - mean;
                    const float g = in.masked(in.dy[i], centred, scale, channel);
                    sums[0] += g;
                    sums[1] += g * centred;
                }
            }
            tile.addRows(team, sums);
            if (tile.row == 0 && channel < s.channels) {
                float* to = partials + (at.quotient * s.channels + channel) * 2;
                to[0] = sums[0];
                to[1] = sums[1];
            }
        }
    }
};

/// dgamma and dbeta from the parts' sums, and what dx is made of: dx = ofDy·dy + ofX·(x−mean) + constant; by
/// channels.
struct BatchNormGradientFinish
{
    BatchNormShape s;
    BatchNormGradientInputs in;
    const float* partials = nullptr;
    float* dgamma = nullptr;
    float* dbeta = nullptr;
    float* factors = nullptr; ///< [3, channels]: ofDy, ofX, constant

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t channel) const
    {
        float sum = 0;
        float product = 0;
        for (int64_t part = team.rank(); part < s.parts; part += team.size()) {
            const float* from = partials + (part * s.channels + channel) * 2;
            sum += from[0];
            product += from[1];
        }
        sum = team.sum(sum);
        product = team.sum(product);
        if (team.rank() != 0)
            return;
        const float rstd = 1.0F / sqrtf(in.variance[channel] + in.epsilon);
        const float perRow = 1.0F / static_cast<float>(s.rows);
        const float ofDy = batchNormScale(in.gamma[channel], in.variance[channel], in.epsilon);
        dbeta[channel] = sum;
        dgamma[channel] = product * rstd;
        factors[channel] = ofDy;
        factors[s.channels + channel] = -ofDy * product * rstd * rstd * perRow;
        factors[2 * s.channels + channel] = -ofDy * sum * perRow;
    }
};

/// dx; by groups of elements of one row. dx may be dy.
template <int Width>
struct BatchNormGradientApply
{
    BatchNormShape s;
    BatchNormGradientInputs in;
    const float* factors = nullptr;
    float* dx = nullptr;

    GRADLOOM_DEVICE void operator()(int64_t group) const
    {
        const int64_t first = group * Width;
        const int64_t c = divide(first, s.channels).rest;
        const Lanes<Width> x = loadLanes<Width>(in.x + first);
        Lanes<Width> g = loadLanes<Width>(in.dy + first);
        for (int k = 0; k < Width; ++k) {
            const float centred = x.v[k] - in.mean[c + k];
            g.v[k] = factors[c + k] * in.masked(g.v[k], centred, factors[c + k], c + k) +
                     factors[s.channels + c + k] * centred + factors[2 * s.channels + c + k];
        }
        storeLanes(g, dx + first);
    }
};

/// x is [samples, spatial, channels]; a group is some channels of a sample at all places.
struct GroupNormShape
{
    int64_t samples = 0, spatial = 1, channels = 1, groups = 1;

    GRADLOOM_DEVICE int64_t groupChannels() const { return channels / groups; }
    GRADLOOM_DEVICE int64_t groupSize() const { return spatial * groupChannels(); }
};

/// Walks through the elements of one group.
struct GroupWalk
{
    GroupNormShape s;
    int64_t base;
    int64_t firstChannel;

    GRADLOOM_DEVICE GroupWalk(const GroupNormShape& shape, int64_t index) : s(shape)
    {
        const Division d = divide(index, s.groups);
        firstChannel = d.rest * s.groupChannels();
        base = d.quotient * s.spatial * s.channels;
    }
    GRADLOOM_DEVICE int64_t channel(int64_t i) const
    {
        return firstChannel + divide(i, s.groupChannels()).rest;
    }
    GRADLOOM_DEVICE int64_t at(int64_t i) const
    {
        const Division d = divide(i, s.groupChannels());
        return base + d.quotient * s.channels + firstChannel + d.rest;
    }
};

/// Statistics and result; teams by sample and group. y may be x.
struct GroupNorm
{
    GroupNormShape s;
    const float* x = nullptr;
    const float* gamma = nullptr;
    const float* beta = nullptr;
    float epsilon = 0;
    float* y = nullptr;
    float* mean = nullptr;
    float* rstd = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const GroupWalk walk(s, index);
        const int64_t size = s.groupSize();
        float sum = 0;
        for (int64_t i = team.rank(); i < size; i += team.size())
            sum += x[walk.at(i)];
        const float centre = team.sum(sum) / static_cast<float>(size);
        float squares = 0;
        for (int64_t i = team.rank(); i < size; i += team.size()) {
            const float d = x[walk.at(i)] - centre;
            squares += d * d;
        }
        const float factor = 1.0F / sqrtf(team.sum(squares) / static_cast<float>(size) + epsilon);
        for (int64_t i = team.rank(); i < size; i += team.size()) {
            const int64_t at = walk.at(i);
            const int64_t c = walk.channel(i);
            const float normal = (x[at] - centre) * factor;
            y[at] = normal * (gamma != nullptr ? gamma[c] : 1.0F) + (beta != nullptr ? beta[c] : 0.0F);
        }
        if (team.rank() == 0) {
            mean[index] = centre;
            rstd[index] = factor;
        }
    }
};

/// Shares of dgamma and dbeta: [parts, 2, channels] from parts of the samples·spatial rows. Teams by part and
/// tile of channels; `shared`: two floats a thread.
struct GroupNormParameterGradient
{
    GroupNormShape s;
    int64_t parts = 1;
    const float* x = nullptr;
    const float* dy = nullptr;
    const float* mean = nullptr;
    const float* rstd = nullptr;
    float* partials = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const ColumnTile tile(team);
        const Division at = divide(index, ColumnTile::count(s.channels));
        const int64_t rows = s.samples * s.spatial;
        const int64_t end = partBegin(rows, parts, at.quotient + 1);
        for (int c = tile.column; c < ColumnTile::width; c += tile.columns) {
            const int64_t channel = at.rest * ColumnTile::width + c;
            float sums[2] = {}; // of the products, of dy
            if (channel < s.channels)
                for (int64_t row = partBegin(rows, parts, at.quotient) + tile.row; row < end;
                     row += tile.rows) {
                    const int64_t group =
                        divide(row, s.spatial).quotient * s.groups + channel / s.groupChannels();
                    const float g = dy[row * s.channels + channel];
                    sums[0] += g * (x[row * s.channels + channel] - mean[group]) * rstd[group];
                    sums[1] += g;
                }
            tile.addRows(team, sums);
            if (tile.row == 0 && channel < s.channels)
                for (int k = 0; k < 2; ++k)
                    partials[(at.quotient * 2 + k) * s.channels + channel] = sums[k];
        }
    }
};

/// dx = rstd·(gamma·dy − mean(gamma·dy) − normal·mean(gamma·dy·normal)); teams by sample and group. dx may be
/// dy.
struct GroupNormGradient
{
    GroupNormShape s;
    const float* x = nullptr;
    const float* gamma = nullptr;
    const float* mean = nullptr;
    const float* rstd = nullptr;
    const float* dy = nullptr;
    float* dx = nullptr;

    template <class Team>
    GRADLOOM_DEVICE void operator()(Team& team, int64_t index) const
    {
        const GroupWalk walk(s, index);
        const int64_t size = s.groupSize();
        const float centre = mean[index];
        const float factor = rstd[index];
        float sum = 0;
        float product = 0;
        for (int64_t i = team.rank(); i < size; i += team.size()) {
            const int64_t at = walk.at(i);
            const float g = dy[at] * (gamma != nullptr ? gamma[walk.channel(i)] : 1.0F);
            sum += g;
            product += g * (x[at] - centre) * factor;
        }
        sum = team.sum(sum) / static_cast<float>(size);
        product = team.sum(product) / static_cast<float>(size);
        for (int64_t i = team.rank(); i < size; i += team.size()) {
            const int64_t at = walk.at(i);
            const float g = dy[at] * (gamma != nullptr ? gamma[walk.channel(i)] : 1.0F);
            dx[at] = factor * (g - sum - (x[at] - centre) * factor * product);
        }
    }
};

} // namespace gradloom::cuda
