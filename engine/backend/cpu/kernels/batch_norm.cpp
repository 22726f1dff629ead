#include "batch_norm.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <cmath>

#ifndef GRADLOOM_BATCH_NORM_GRID
#define GRADLOOM_BATCH_NORM_GRID
namespace gradloom::cpu {

/// The matrix is cut into slices of channels, if there are many, and into parts of the rows, into at most 64
/// units or as many as there are slices. A part's blocks of rows stay in the first-level cache between the
/// pass for the mean and the pass for the deviations. Units are counted along a slice first.
class BatchNormGrid
{
public:
    explicit BatchNormGrid(const BatchNormShape& s) : m_shape(s)
    {
        constexpr int64_t fewChannels = 512;
        constexpr int64_t sliceWidth = 256;
        m_width = s.c > fewChannels ? sliceWidth : std::max<int64_t>(s.c, 1);
        m_slices = (s.c + m_width - 1) / m_width;
        m_blockRows = std::clamp<int64_t>(8192 / m_width, 1, 512);
        const int64_t blocks = (s.rows + m_blockRows - 1) / m_blockRows;
        m_parts = std::clamp<int64_t>(blocks, 1, std::max<int64_t>(64 / std::max<int64_t>(m_slices, 1), 1));
    }
    int64_t units() const { return m_slices * m_parts; }
    int64_t parts() const { return m_parts; }
    int64_t blockRows() const { return m_blockRows; }
    int64_t firstRow(int64_t part) const { return m_shape.rows * part / m_parts; }

    /// Neighbouring parts of a slice.
    struct Piece
    {
        int64_t channel, channels; ///< the slice
        int64_t part;              ///< the first one
        int64_t firstRow, lastRow;
    };
    /// A unit, with those behind it that are of its slice and before `end`.
    Piece piece(int64_t unit, int64_t end) const
    {
        const int64_t slice = unit / m_parts;
        const int64_t part = unit % m_parts;
        const int64_t channel = slice * m_width;
        return {channel, std::min(m_width, m_shape.c - channel), part, firstRow(part),
            firstRow(std::min(end - slice * m_parts, m_parts))};
    }
    Piece piece(int64_t unit) const { return piece(unit, unit + 1); }
    /// Calls run(piece) for the units from `begin` to `end`.
    template <class Run>
    void pieces(int64_t begin, int64_t end, const Run& run) const
    {
        for (int64_t unit = begin; unit < end; unit = (unit / m_parts + 1) * m_parts)
            run(piece(unit, end));
    }

private:
    BatchNormShape m_shape;
    int64_t m_width, m_slices, m_blockRows, m_parts;
};

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// Joins mean and squared deviations of `count` rows, both [c], into those of `total` rows.
HWY_INLINE void joinBlock(
    float* mean, float* m2, Floats blockMean, Floats blockM2, int64_t total, int64_t count, int64_t used)
{
    const float share = static_cast<float>(count) / static_cast<float>(total + count);
    const Floats oldMean = used == lanes() ? load(mean) : loadPart(mean, used);
    const Floats oldM2 = used == lanes() ? load(m2) : loadPart(m2, used);
    const Floats delta = hn::Sub(blockMean, oldMean);
    const Floats newMean = hn::MulAdd(delta, broadcast(share), oldMean);
    const Floats weight = broadcast(share * static_cast<float>(total));
    const Floats newM2 = hn::MulAdd(hn::Mul(delta, delta), weight, hn::Add(oldM2, blockM2));
    if (used == lanes()) {
        store(newMean, mean);
        store(newM2, m2);
    } else {
        storePart(newMean, mean, used);
        storePart(newM2, m2, used);
    }
}

/// The moments of some rows: mean and sum of squared deviations from it.
template <class Load, class Row>
HWY_INLINE void rowMoments(int64_t rows, const Load& loadIt, const Row& row, Floats& mean, Floats& squares)
{
    Floats sum = zero();
    for (int64_t r = 0; r < rows; ++r)
        sum = hn::Add(sum, loadIt(row(r)));
    mean = hn::Mul(sum, broadcast(1.0F / static_cast<float>(rows)));
    squares = zero();
    for (int64_t r = 0; r < rows; ++r) {
        const Floats deviation = hn::Sub(loadIt(row(r)), mean);
        squares = hn::MulAdd(deviation, deviation, squares);
    }
}

/// Joins rows into the moments of others.
void joinRows(const float* const* rows, int64_t count, int64_t channels, float* moments)
{
    float* total = moments + 2 * channels;
    const auto before = static_cast<int64_t>(*total);
    forVectors(channels, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
        Floats mean;
        Floats squares;
        rowMoments(count, loadIt, [&](int64_t r) HWY_ATTR { return rows[r] + i; }, mean, squares);
        joinBlock(moments + i, moments + channels + i, mean, squares, before, count,
            std::min(lanes(), channels - i));
    });
    *total += static_cast<float>(count);
}

void statsUnits(const BatchNormShape& s, const float* x, float* partials, int64_t begin, int64_t end)
{
    const BatchNormGrid grid(s);
    for (int64_t unit = begin; unit < end; ++unit) {
        const BatchNormGrid::Piece piece = grid.piece(unit);
        float* moments = partials + piece.part * momentsSize(s.c);
        float* mean = moments + piece.channel;
        float* m2 = mean + s.c;
        if (piece.channel == 0)
            moments[2 * s.c] = static_cast<float>(piece.lastRow - piece.firstRow);
        std::fill_n(mean, piece.channels, 0.0F);
        std::fill_n(m2, piece.channels, 0.0F);
        for (int64_t row = piece.firstRow; row < piece.lastRow; row += grid.blockRows()) {
            const int64_t rows = std::min(grid.blockRows(), piece.lastRow - row);
            const float* block = x + row * s.c + piece.channel;
            forVectors(piece.channels, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
                Floats blockMean;
                Floats squares;
                rowMoments(
                    rows, loadIt, [&](int64_t r) HWY_ATTR { return block + r * s.c + i; }, blockMean, squares);
                joinBlock(mean + i, m2 + i, blockMean, squares, row - piece.firstRow, rows,
                    std::min(lanes(), piece.channels - i));
            });
        }
    }
}

void joinParts(int64_t channels, int64_t parts, const float* partials, float* mean, float* variance)
{
    std::fill_n(mean, channels, 0.0F);
    std::fill_n(variance, channels, 0.0F);
    int64_t rows = 0;
    for (int64_t part = 0; part < parts; ++part) {
        const float* from = partials + part * momentsSize(channels);
        const auto count = static_cast<int64_t>(from[2 * channels]);
        forVectors(channels, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
            joinBlock(mean + i, variance + i, loadIt(from + i), loadIt(from + channels + i), rows, count,
                std::min(lanes(), channels - i));
        });
        rows += count;
    }
    for (int64_t i = 0; i < channels; ++i)
        variance[i] /= static_cast<float>(rows);
}

/// gamma / sqrt(variance + epsilon)
template <class Load>
HWY_INLINE Floats scaleAt(const BatchNormChannels& c, int64_t i, const Load& loadIt)
{
    const Floats gamma = c.gamma != nullptr ? loadIt(c.gamma + i) : broadcast(1.0F);
    return hn::Div(gamma, hn::Sqrt(hn::Add(loadIt(c.variance + i), broadcast(c.epsilon))));
}

template <class Load>
HWY_INLINE Floats betaAt(const BatchNormChannels& c, int64_t i, const Load& loadIt)
{
    return c.beta != nullptr ? loadIt(c.beta + i) : zero();
}

/// The mean is taken off first: x * scale + (beta - mean * scale) would lose digits.
HWY_INLINE Floats normalized(Floats centred, Floats scale, Floats beta)
{
    return hn::MulAdd(centred, scale, beta);
}

void applyUnits(const BatchNormShape& s, const BatchNormApplyArgs& args, int64_t begin, int64_t end)
{
    const BatchNormChannels& c = args.channels;
    const Floats lowest = args.relu ? zero() : broadcast(-std::numeric_limits<float>::infinity());
    BatchNormGrid(s).pieces(begin, end, [&](const BatchNormGrid::Piece& piece) HWY_ATTR {
        const int64_t channel = piece.channel;
        float* scale = args.scratch;
        float* shift = scale + piece.channels;
        forVectors(piece.channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            storeIt(scaleAt(c, channel + i, loadIt), scale + i);
            storeIt(betaAt(c, channel + i, loadIt), shift + i);
        });
        for (int64_t row = piece.firstRow; row < piece.lastRow; ++row) {
            const float* x = args.x + row * s.c + channel;
            float* y = args.y + row * s.c + channel;
            forVectors(piece.channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                const Floats centred = hn::Sub(loadIt(x + i), loadIt(c.mean + channel + i));
                storeIt(maxKeepNan(lowest, normalized(centred, loadIt(scale + i), loadIt(shift + i))), y + i);
            });
        }
    });
}

/// The gradient behind the ReLU, if there is one: the output is computed once more, which is cheaper than
/// reading it.
HWY_INLINE Floats maskedGradient(bool relu, Floats dy, Floats centred, Floats scale, Floats beta)
{
    return relu ? hn::IfThenElseZero(hn::Gt(normalized(centred, scale, beta), zero()), dy) : dy;
}

void gradSumUnits(const BatchNormShape& s, const BatchNormGradArgs& args, int64_t begin, int64_t end)
{
    const BatchNormGrid grid(s);
    const BatchNormChannels& c = args.channels;
    for (int64_t unit = begin; unit < end; ++unit) {
        const BatchNormGrid::Piece piece = grid.piece(unit);
        float* sums = args.partials + piece.part * 2 * s.c + piece.channel;
        float* products = sums + s.c;
        std::fill_n(sums, piece.channels, 0.0F);
        std::fill_n(products, piece.channels, 0.0F);
        for (int64_t row = piece.firstRow; row < piece.lastRow; row += grid.blockRows()) {
            const int64_t rows = std::min(grid.blockRows(), piece.lastRow - row);
            forVectors(piece.channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                const Floats mean = loadIt(c.mean + piece.channel + i);
                const Floats scale = scaleAt(c, piece.channel + i, loadIt);
                const Floats beta = betaAt(c, piece.channel + i, loadIt);
                Floats sum = zero();
                Floats product = zero();
                for (int64_t at = row * s.c + piece.channel + i, r = 0; r < rows; ++r, at += s.c) {
                    const Floats centred = hn::Sub(loadIt(args.x + at), mean);
                    const Floats dy = maskedGradient(args.relu, loadIt(args.dy + at), centred, scale, beta);
                    sum = hn::Add(sum, dy);
                    product = hn::MulAdd(dy, centred, product);
                }
                storeIt(hn::Add(loadIt(sums + i), sum), sums + i);
                storeIt(hn::Add(loadIt(products + i), product), products + i);
            });
        }
    }
}

void gradApplyUnits(const BatchNormShape& s, const BatchNormGradArgs& args, int64_t begin, int64_t end)
{
    const BatchNormChannels& c = args.channels;
    const Floats perRow = broadcast(1.0F / static_cast<float>(s.rows));
    BatchNormGrid(s).pieces(begin, end, [&](const BatchNormGrid::Piece& piece) HWY_ATTR {
        const int64_t channel = piece.channel;
        float* scale = args.scratch;
        float* beta = scale + piece.channels;
        float* ofX = beta + piece.channels;
        float* constant = ofX + piece.channels;
        forVectors(piece.channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const Floats ofDy = scaleAt(c, channel + i, loadIt);
            const Floats deviation =
                hn::Sqrt(hn::Add(loadIt(c.variance + channel + i), broadcast(c.epsilon)));
            const Floats share = hn::Neg(hn::Mul(ofDy, perRow));
            storeIt(ofDy, scale + i);
            storeIt(betaAt(c, channel + i, loadIt), beta + i);
            storeIt(hn::Div(hn::Mul(share, loadIt(args.dgamma + channel + i)), deviation), ofX + i);
            storeIt(hn::Mul(share, loadIt(args.dbeta + channel + i)), constant + i);
        });
        for (int64_t row = piece.firstRow; row < piece.lastRow; ++row)
            forVectors(piece.channels, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                const int64_t at = row * s.c + channel + i;
                const Floats ofDy = loadIt(scale + i);
                const Floats centred = hn::Sub(loadIt(args.x + at), loadIt(c.mean + channel + i));
                const Floats rest = hn::MulAdd(centred, loadIt(ofX + i), loadIt(constant + i));
                const Floats dy =
                    maskedGradient(args.relu, loadIt(args.dy + at), centred, ofDy, loadIt(beta + i));
                storeIt(hn::MulAdd(dy, ofDy, rest), args.dx + at);
            });
    });
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(joinRows);
HWY_EXPORT(joinParts);
HWY_EXPORT(statsUnits);
HWY_EXPORT(applyUnits);
HWY_EXPORT(gradSumUnits);
HWY_EXPORT(gradApplyUnits);

MomentsOfRows::MomentsOfRows(int64_t channels, float* moments) : m_channels(channels), m_moments(moments)
{
    // So many that they are still in the first-level cache, but more than what joining them costs.
    constexpr int64_t cached = 4096;
    constexpr int64_t minRows = 8;
    m_atOnce = std::clamp<int64_t>(cached / std::max<int64_t>(channels, 1), minRows, maxRows);
    if (moments != nullptr)
        std::fill_n(moments, momentsSize(channels), 0.0F);
}

void MomentsOfRows::join()
{
    if (m_count > 0)
        HWY_DYNAMIC_DISPATCH(joinRows)(m_rows, m_count, m_channels, m_moments);
    m_count = 0;
}

void joinMoments(int64_t channels, int64_t parts, const float* partials, float* mean, float* variance)
{
    HWY_DYNAMIC_DISPATCH(joinParts)(channels, parts, partials, mean, variance);
}

int64_t batchNormUnits(const BatchNormShape& shape)
{
    return shape.rows == 0 ? 0 : BatchNormGrid(shape).units();
}

int64_t batchNormPartials(const BatchNormShape& shape)
{
    return momentsSize(shape.c) * BatchNormGrid(shape).parts();
}

void batchNormStats(const BatchNormShape& shape, const float* x, float* partials, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(statsUnits)(shape, x, partials, begin, end);
}

void batchNormFinish(const BatchNormShape& shape, const float* partials, float* mean, float* variance)
{
    joinMoments(shape.c, BatchNormGrid(shape).parts(), partials, mean, variance);
}

void batchNormApply(const BatchNormShape& shape, const BatchNormApplyArgs& args, int64_t begin, int64_t end)
{
    if (begin < end)
        HWY_DYNAMIC_DISPATCH(applyUnits)(shape, args, begin, end);
}

void batchNormGradSums(const BatchNormShape& shape, const BatchNormGradArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(gradSumUnits)(shape, args, begin, end);
}

void batchNormGradFinish(const BatchNormShape& shape, const BatchNormGradArgs& args)
{
    const int64_t parts = BatchNormGrid(shape).parts();
    const BatchNormChannels& c = args.channels;
    for (int64_t i = 0; i < shape.c; ++i) {
        double sum = 0;
        double product = 0;
        for (int64_t part = 0; part < parts; ++part) {
            sum += args.partials[part * 2 * shape.c + i];
            product += args.partials[(part * 2 + 1) * shape.c + i];
        }
        args.dbeta[i] = static_cast<float>(sum);
        args.dgamma[i] = static_cast<float>(product / std::sqrt(double{c.variance[i]} + double{c.epsilon}));
    }
}

void batchNormGradApply(
    const BatchNormShape& shape, const BatchNormGradArgs& args, int64_t begin, int64_t end)
{
    if (begin < end)
        HWY_DYNAMIC_DISPATCH(gradApplyUnits)(shape, args, begin, end);
}

} // namespace gradloom::cpu
#endif
