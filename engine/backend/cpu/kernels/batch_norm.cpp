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

/// Rows are cut into at most 64 units, and these into blocks that stay in the first-level cache between the
/// pass for the mean and the pass for the deviations.
struct BatchNormGrid
{
    int64_t blockRows, units;

    explicit BatchNormGrid(const BatchNormShape& s)
        : blockRows(std::clamp<int64_t>(8192 / std::max<int64_t>(s.c, 1), 1, 512)),
          units(std::clamp<int64_t>((s.rows + blockRows - 1) / blockRows, 1, 64))
    {
    }
    static int64_t firstRow(const BatchNormShape& s, int64_t units, int64_t unit)
    {
        return s.rows * unit / units;
    }
};

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// Joins mean and squared deviations of `count` rows, both [c], into those of `total` rows.
HWY_INLINE void joinMoments(
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

void statsUnits(const BatchNormShape& s, const float* x, float* partials, int64_t begin, int64_t end)
{
    const BatchNormGrid grid(s);
    for (int64_t unit = begin; unit < end; ++unit) {
        float* mean = partials + unit * 2 * s.c;
        float* m2 = mean + s.c;
        std::fill_n(mean, 2 * s.c, 0.0F);
        const int64_t first = BatchNormGrid::firstRow(s, grid.units, unit);
        const int64_t last = BatchNormGrid::firstRow(s, grid.units, unit + 1);
        for (int64_t row = first; row < last; row += grid.blockRows) {
            const int64_t rows = std::min(grid.blockRows, last - row);
            const float* block = x + row * s.c;
            forVectors(s.c, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
                Floats sum = zero();
                for (int64_t r = 0; r < rows; ++r)
                    sum = hn::Add(sum, loadIt(block + r * s.c + i));
                const Floats blockMean = hn::Mul(sum, broadcast(1.0F / static_cast<float>(rows)));
                Floats squares = zero();
                for (int64_t r = 0; r < rows; ++r) {
                    const Floats deviation = hn::Sub(loadIt(block + r * s.c + i), blockMean);
                    squares = hn::MulAdd(deviation, deviation, squares);
                }
                joinMoments(
                    mean + i, m2 + i, blockMean, squares, row - first, rows, std::min(lanes(), s.c - i));
            });
        }
    }
}

void finishStats(const BatchNormShape& s, const float* partials, float* mean, float* variance)
{
    const int64_t units = BatchNormGrid(s).units;
    std::fill_n(mean, s.c, 0.0F);
    std::fill_n(variance, s.c, 0.0F);
    for (int64_t unit = 0; unit < units; ++unit) {
        const int64_t first = BatchNormGrid::firstRow(s, units, unit);
        const int64_t rows = BatchNormGrid::firstRow(s, units, unit + 1) - first;
        const float* from = partials + unit * 2 * s.c;
        forVectors(s.c, [&](int64_t i, auto loadIt, auto) HWY_ATTR {
            joinMoments(mean + i, variance + i, loadIt(from + i), loadIt(from + s.c + i), first, rows,
                std::min(lanes(), s.c - i));
        });
    }
    for (int64_t i = 0; i < s.c; ++i)
        variance[i] /= static_cast<float>(s.rows);
}

/// out = gamma / sqrt(variance + epsilon).
void scaleOf(int64_t c, const float* gamma, const float* variance, float epsilon, float* out)
{
    for (int64_t i = 0; i < c; ++i)
        out[i] = (gamma != nullptr ? gamma[i] : 1.0F) / std::sqrt(variance[i] + epsilon);
}

void applyUnits(const BatchNormShape& s, const BatchNormApplyArgs& args, int64_t begin, int64_t end)
{
    const int64_t units = BatchNormGrid(s).units;
    const int64_t first = BatchNormGrid::firstRow(s, units, begin);
    const int64_t last = BatchNormGrid::firstRow(s, units, end);
    float* scale = args.scratch;
    float* shift = scale + s.c;
    scaleOf(s.c, args.gamma, args.variance, args.epsilon, scale);
    for (int64_t i = 0; i < s.c; ++i)
        shift[i] = args.beta != nullptr ? args.beta[i] : 0.0F;
    const Floats lowest = args.relu ? zero() : broadcast(-std::numeric_limits<float>::infinity());
    for (int64_t row = first; row < last; ++row) {
        const float* x = args.x + row * s.c;
        float* y = args.y + row * s.c;
        // The mean is taken off first: x * scale + (beta - mean * scale) would lose digits.
        forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const Floats centred = hn::Sub(loadIt(x + i), loadIt(args.mean + i));
            storeIt(maxKeepNan(lowest, hn::MulAdd(centred, loadIt(scale + i), loadIt(shift + i))), y + i);
        });
    }
}

/// The output's gradient, behind the ReLU if there is one.
template <class Load>
HWY_INLINE Floats maskedGradient(const BatchNormGradArgs& args, int64_t at, const Load& loadIt)
{
    const Floats dy = loadIt(args.dy + at);
    return args.relu ? hn::IfThenElseZero(hn::Gt(loadIt(args.y + at), zero()), dy) : dy;
}

void gradSumUnits(const BatchNormShape& s, const BatchNormGradArgs& args, int64_t begin, int64_t end)
{
    const BatchNormGrid grid(s);
    for (int64_t unit = begin; unit < end; ++unit) {
        float* sums = args.partials + unit * 2 * s.c;
        float* products = sums + s.c;
        std::fill_n(sums, 2 * s.c, 0.0F);
        const int64_t last = BatchNormGrid::firstRow(s, grid.units, unit + 1);
        for (int64_t row = BatchNormGrid::firstRow(s, grid.units, unit); row < last; row += grid.blockRows) {
            const int64_t rows = std::min(grid.blockRows, last - row);
            forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
                const Floats mean = loadIt(args.mean + i);
                Floats sum = zero();
                Floats product = zero();
                for (int64_t at = row * s.c + i, r = 0; r < rows; ++r, at += s.c) {
                    const Floats dy = maskedGradient(args, at, loadIt);
                    sum = hn::Add(sum, dy);
                    product = hn::MulAdd(dy, hn::Sub(loadIt(args.x + at), mean), product);
                }
                storeIt(hn::Add(loadIt(sums + i), sum), sums + i);
                storeIt(hn::Add(loadIt(products + i), product), products + i);
            });
        }
    }
}

void gradApplyUnits(const BatchNormShape& s, const BatchNormGradArgs& args, int64_t begin, int64_t end)
{
    const int64_t units = BatchNormGrid(s).units;
    const int64_t first = BatchNormGrid::firstRow(s, units, begin);
    const int64_t last = BatchNormGrid::firstRow(s, units, end);
    float* ofDy = args.scratch;
    float* ofX = ofDy + s.c;
    float* constant = ofX + s.c;
    scaleOf(s.c, args.gamma, args.variance, args.epsilon, ofDy);
    const float perRow = 1.0F / static_cast<float>(s.rows);
    for (int64_t i = 0; i < s.c; ++i) {
        ofX[i] = -ofDy[i] * args.dgamma[i] * perRow / std::sqrt(args.variance[i] + args.epsilon);
        constant[i] = -ofDy[i] * args.dbeta[i] * perRow;
    }
    for (int64_t row = first; row < last; ++row)
        forVectors(s.c, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const int64_t at = row * s.c + i;
            const Floats centred = hn::Sub(loadIt(args.x + at), loadIt(args.mean + i));
            const Floats rest = hn::MulAdd(centred, loadIt(ofX + i), loadIt(constant + i));
            storeIt(hn::MulAdd(maskedGradient(args, at, loadIt), loadIt(ofDy + i), rest), args.dx + at);
        });
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(statsUnits);
HWY_EXPORT(finishStats);
HWY_EXPORT(applyUnits);
HWY_EXPORT(gradSumUnits);
HWY_EXPORT(gradApplyUnits);

int64_t batchNormUnits(const BatchNormShape& shape)
{
    return shape.rows == 0 ? 0 : BatchNormGrid(shape).units;
}

int64_t batchNormPartials(const BatchNormShape& shape)
{
    return 2 * shape.c * BatchNormGrid(shape).units;
}

void batchNormStats(const BatchNormShape& shape, const float* x, float* partials, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(statsUnits)(shape, x, partials, begin, end);
}

void batchNormFinish(const BatchNormShape& shape, const float* partials, float* mean, float* variance)
{
    HWY_DYNAMIC_DISPATCH(finishStats)(shape, partials, mean, variance);
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
    const int64_t units = BatchNormGrid(shape).units;
    for (int64_t i = 0; i < shape.c; ++i) {
        double sum = 0;
        double product = 0;
        for (int64_t unit = 0; unit < units; ++unit) {
            sum += args.partials[unit * 2 * shape.c + i];
            product += args.partials[(unit * 2 + 1) * shape.c + i];
        }
        args.dbeta[i] = static_cast<float>(sum);
        args.dgamma[i] =
            static_cast<float>(product / std::sqrt(double{args.variance[i]} + double{args.epsilon}));
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
