#include "reduce.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/reduce.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <limits>

#ifndef GRADLOOM_REDUCE_GRID
#define GRADLOOM_REDUCE_GRID
namespace gradloom::cpu {

/// How a reduction is cut into units: blocks of outer, blocks of inner, parts of the reduced axis.
struct ReduceGrid
{
    static constexpr int64_t innerBlock = 256;
    static constexpr int64_t unitSize = 8192; ///< elements that make a unit worth while

    int64_t outerBlock, outerBlocks, innerBlocks, parts;

    explicit ReduceGrid(const ReduceShape& s)
    {
        const int64_t perOuter = std::max<int64_t>(s.reduce * std::min(s.inner, innerBlock), 1);
        outerBlock = std::clamp<int64_t>(unitSize / perOuter, 1, std::max<int64_t>(s.outer, 1));
        outerBlocks = (s.outer + outerBlock - 1) / outerBlock;
        innerBlocks = (s.inner + innerBlock - 1) / innerBlock;
        parts = 1;
        if (outerBlocks * innerBlocks < 16)
            parts = std::clamp<int64_t>(perOuter / unitSize, 1, 32);
    }
    int64_t units() const { return outerBlocks * innerBlocks * parts; }
};

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

struct SumOp
{
    static constexpr float start = 0.0F;
    static HWY_INLINE Floats add(Floats sum, Floats v) { return hn::Add(sum, v); }
    static HWY_INLINE Floats join(Floats a, Floats b) { return hn::Add(a, b); }
    static HWY_INLINE float lanesOf(Floats v) { return sumLanes(v); }
};

struct SumOfSquaresOp : SumOp
{
    static HWY_INLINE Floats add(Floats sum, Floats v) { return hn::MulAdd(v, v, sum); }
};

struct MaxOp
{
    static constexpr float start = -std::numeric_limits<float>::infinity();
    // NaN wins: it replaces any number, and no number is greater than it.
    static HWY_INLINE Floats add(Floats best, Floats v)
    {
        return hn::IfThenElse(hn::Or(hn::Gt(v, best), hn::IsNaN(v)), v, best);
    }
    static HWY_INLINE Floats join(Floats a, Floats b) { return add(a, b); }
    static HWY_INLINE float lanesOf(Floats v)
    {
        const auto isNan = hn::IsNaN(v);
        if (!hn::AllFalse(FloatTag(), isNan))
            return std::numeric_limits<float>::quiet_NaN();
        return maxLanes(v);
    }
};

constexpr int groupVectors = 4;
constexpr int64_t linearRows = 64;

/// Reduces `rows` rows of four vectors each into `out`, pairwise above 64 rows (Higham, "Accuracy and
/// Stability of Numerical Algorithms", 4.2: the error grows with the logarithm of the length).
template <class Op>
void reduceGroup(const float* x, int64_t rows, int64_t stride, Floats* out)
{
    Floats acc[groupVectors];
    if (rows > linearRows) {
        const int64_t half = rows / 2;
        Floats second[groupVectors];
        reduceGroup<Op>(x, half, stride, acc);
        reduceGroup<Op>(x + half * stride, rows - half, stride, second);
        GRADLOOM_UNROLL for (int v = 0; v < groupVectors; ++v) out[v] = Op::join(acc[v], second[v]);
        return;
    }
    GRADLOOM_UNROLL for (int v = 0; v < groupVectors; ++v) acc[v] = broadcast(Op::start);
    for (int64_t r = 0; r < rows; ++r, x += stride)
        GRADLOOM_UNROLL for (int v = 0; v < groupVectors; ++v) acc[v] =
            Op::add(acc[v], load(x + v * lanes()));
    GRADLOOM_UNROLL for (int v = 0; v < groupVectors; ++v) out[v] = acc[v];
}

/// The same for one vector of `count` <= lanes() values.
template <class Op>
Floats reduceVector(const float* x, int64_t rows, int64_t stride, int64_t count)
{
    if (rows > linearRows) {
        const int64_t half = rows / 2;
        const Floats first = reduceVector<Op>(x, half, stride, count);
        return Op::join(first, reduceVector<Op>(x + half * stride, rows - half, stride, count));
    }
    Floats acc = broadcast(Op::start);
    for (int64_t r = 0; r < rows; ++r, x += stride)
        acc = Op::add(acc, count == lanes() ? load(x) : loadPart(x, count));
    return acc;
}

/// Reduces `length` contiguous values to one.
template <class Op>
float reduceRow(const float* x, int64_t length)
{
    const int64_t groups = length / (groupVectors * lanes());
    Floats total = broadcast(Op::start);
    if (groups > 0) {
        Floats acc[groupVectors];
        reduceGroup<Op>(x, groups, groupVectors * lanes(), acc);
        total = Op::join(Op::join(acc[0], acc[1]), Op::join(acc[2], acc[3]));
    }
    int64_t i = groups * groupVectors * lanes();
    for (; i + lanes() <= length; i += lanes())
        total = Op::add(total, load(x + i));
    if (i < length) {
        const auto used = hn::FirstN(FloatTag(), static_cast<size_t>(length - i));
        total = hn::IfThenElse(used, Op::add(total, loadPart(x + i, length - i)), total);
    }
    return Op::lanesOf(total);
}

/// Reduces columns [0, columns) of `rows` rows into `out`.
template <class Op>
void reduceColumns(const float* x, int64_t rows, int64_t stride, int64_t columns, float* out)
{
    int64_t i = 0;
    for (; i + groupVectors * lanes() <= columns; i += groupVectors * lanes()) {
        Floats acc[groupVectors];
        reduceGroup<Op>(x + i, rows, stride, acc);
        GRADLOOM_UNROLL for (int v = 0; v < groupVectors; ++v) store(acc[v], out + i + v * lanes());
    }
    for (; i + lanes() <= columns; i += lanes())
        store(reduceVector<Op>(x + i, rows, stride, lanes()), out + i);
    if (i < columns)
        storePart(reduceVector<Op>(x + i, rows, stride, columns - i), out + i, columns - i);
}

template <class Op>
void reduceUnit(const ReduceShape& s, const ReduceArgs& args, const ReduceGrid& grid, int64_t unit)
{
    const int64_t part = unit % grid.parts;
    const int64_t inner = unit / grid.parts % grid.innerBlocks * ReduceGrid::innerBlock;
    const int64_t outerBegin = unit / grid.parts / grid.innerBlocks * grid.outerBlock;
    const int64_t outerEnd = std::min(outerBegin + grid.outerBlock, s.outer);
    const int64_t first = s.reduce * part / grid.parts;
    const int64_t rows = s.reduce * (part + 1) / grid.parts - first;
    const int64_t columns = std::min(ReduceGrid::innerBlock, s.inner - inner);
    const float scale =
        args.op == ReduceOp::Mean && grid.parts == 1 ? 1.0F / static_cast<float>(s.reduce) : 1.0F;
    for (int64_t outer = outerBegin; outer < outerEnd; ++outer) {
        const float* x = args.x + (outer * s.reduce + first) * s.inner + inner;
        const int64_t at = outer * s.inner + inner;
        float sums[ReduceGrid::innerBlock];
        if (s.inner == 1)
            sums[0] = reduceRow<Op>(x, rows);
        else
            reduceColumns<Op>(x, rows, s.inner, columns, sums);
        if (grid.parts > 1) {
            std::copy_n(sums, columns, args.partials + part * s.outer * s.inner + at);
            continue;
        }
        for (int64_t i = 0; i < columns; ++i)
            args.y[at + i] = (args.accumulate ? args.y[at + i] : 0.0F) + sums[i] * scale;
    }
}

void reduceUnits(
    const ReduceShape& s, const ReduceArgs& args, const ReduceGrid& grid, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; ++unit)
        switch (args.op) {
        case ReduceOp::Sum:
        case ReduceOp::Mean:
            reduceUnit<SumOp>(s, args, grid, unit);
            break;
        case ReduceOp::SumOfSquares:
            reduceUnit<SumOfSquaresOp>(s, args, grid, unit);
            break;
        case ReduceOp::Max:
            reduceUnit<MaxOp>(s, args, grid, unit);
            break;
        }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(reduceUnits);

ReduceSplit reduceSplit(const ReduceShape& shape)
{
    const ReduceGrid grid(shape);
    return {grid.parts, grid.units()};
}

int64_t reducePartials(const ReduceShape& shape)
{
    const int64_t parts = ReduceGrid(shape).parts;
    return parts == 1 ? 0 : parts * shape.outer * shape.inner;
}

void reduce(const ReduceShape& shape, const ReduceArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(reduceUnits)(shape, args, ReduceGrid(shape), begin, end);
}

void reduceCombine(const ReduceShape& shape, const ReduceArgs& args)
{
    const int64_t parts = ReduceGrid(shape).parts;
    if (parts == 1)
        return;
    const int64_t size = shape.outer * shape.inner;
    for (int64_t i = 0; i < size; ++i) {
        float total = args.partials[i];
        for (int64_t part = 1; part < parts; ++part) {
            const float v = args.partials[part * size + i];
            if (args.op != ReduceOp::Max)
                total += v;
            else if (v > total || v != v)
                total = v;
        }
        if (args.op == ReduceOp::Mean)
            total /= static_cast<float>(shape.reduce);
        args.y[i] = (args.accumulate ? args.y[i] : 0.0F) + total;
    }
}

} // namespace gradloom::cpu
#endif
