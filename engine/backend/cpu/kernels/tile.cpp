#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/tile.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"
#include "tile.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

// Rows of a full tile: with two vectors a row, 2 * rows accumulators, 2 vectors of B and a broadcast value
// must fit the register file: 32 registers on AVX-512 and 64-bit Arm, 16 elsewhere.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
constexpr int fullRows = 12;
constexpr int mediumRows = 8;
#else
constexpr int fullRows = 6;
constexpr int mediumRows = 4;
#endif
static_assert(fullRows <= maxTileRows);

HWY_INLINE Floats activate(Floats v, Activation activation, Floats slope)
{
    if (activation == Activation::Relu)
        return maxKeepNan(zero(), v);
    if (activation == Activation::LeakyRelu)
        return hn::IfThenElse(hn::Gt(v, zero()), v, hn::Mul(v, slope));
    return v;
}

/// Finishes one row of sums of any width; the path for incomplete tiles.
HWY_NOINLINE void finishRow(const TileCall& call, const float* sums, float* c)
{
    const Floats slope = broadcast(call.epilogue.slope);
    const float* bias = call.epilogue.bias;
    forVectors(call.columns, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats v = load(sums + i);
        if (call.accumulate)
            v = hn::Add(v, loadIt(c + i));
        if (bias != nullptr)
            v = hn::Add(v, loadIt(bias + i));
        storeIt(activate(v, call.epilogue.activation, slope), c + i);
    });
}

template <int Rows, int Vectors>
HWY_INLINE void finish(const TileCall& call, int64_t row, int64_t valid, Floats (&acc)[Rows][Vectors])
{
    const auto rowPointer = [&](int64_t r) HWY_ATTR {
        return call.cRows != nullptr ? call.cRows[row + r] : call.c + (row + r) * call.ldc;
    };
    if (valid < Rows || call.columns < Vectors * lanes()) {
        HWY_ALIGN float sums[Rows][static_cast<size_t>(Vectors * lanes())];
        GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r) GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v)
            store(acc[r][v], &sums[r][v * lanes()]);
        for (int64_t r = 0; r < valid; ++r)
            finishRow(call, sums[r], rowPointer(r));
        return;
    }
    // With cRows, rows may overlap (a scatter): then each must be stored before the next is read, so the sums
    // are added row by row.
    const float* bias = call.epilogue.bias;
    Floats biases[Vectors];
    GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v) biases[v] =
        bias != nullptr ? load(bias + v * lanes()) : zero();
    const Activation activation = call.epilogue.activation;
    const Floats slope = broadcast(call.epilogue.slope);
    GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r)
    {
        float* c = rowPointer(r);
        GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v)
        {
            Floats sum = acc[r][v];
            if (call.accumulate)
                sum = hn::Add(sum, load(c + v * lanes()));
            store(activate(hn::Add(sum, biases[v]), activation, slope), c + v * lanes());
        }
    }
}

/// One step of k: acc[r] += a[r] * b.
template <int Rows, int Vectors>
HWY_INLINE void multiply(
    const float* const (&a)[Rows], int64_t offset, const float* HWY_RESTRICT b, Floats (&acc)[Rows][Vectors])
{
    Floats column[Vectors];
    GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v) column[v] = load(b + v * lanes());
    GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r)
    {
        const Floats value = broadcast(a[r][offset]);
        GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v) acc[r][v] = hn::MulAdd(value, column[v], acc[r][v]);
    }
}

/// Tiles with few rows would wait for the latency of the addition; they sum `Chains` interleaved k apart.
template <int Rows, int Vectors>
constexpr int chainsFor()
{
    return Rows * Vectors >= 8 ? 1 : 8 / (Rows * Vectors) > 4 ? 4 : 8 / (Rows * Vectors);
}

template <int Rows, int Vectors, class Offset>
HWY_INLINE const float* accumulateRun(const float* const (&a)[Rows], int64_t count,
    const float* HWY_RESTRICT b, int64_t ldb, const Offset& offset,
    Floats (&acc)[chainsFor<Rows, Vectors>()][Rows][Vectors])
{
    constexpr int chains = chainsFor<Rows, Vectors>();
    int64_t k = 0;
    if constexpr (chains > 1) {
        for (; k + chains <= count; k += chains)
            GRADLOOM_UNROLL for (int u = 0; u < chains; ++u)
            {
                multiply<Rows, Vectors>(a, offset(k + u), b, acc[u]);
                b += ldb;
            }
    }
    for (; k < count; ++k) {
        multiply<Rows, Vectors>(a, offset(k), b, acc[0]);
        b += ldb;
    }
    return b;
}

template <int Rows, int Vectors>
HWY_NOINLINE void tile(const TileCall& call, int64_t row, int64_t valid)
{
    constexpr int chains = chainsFor<Rows, Vectors>();
    Floats acc[chains][Rows][Vectors];
    GRADLOOM_UNROLL for (int u = 0; u < chains; ++u) GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r)
        GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v) acc[u][r][v] = zero();

    // Rows past the last valid one repeat it; their sums are not stored.
    const float* a[Rows];
    const float* b = call.b;
    const int64_t ldb = call.ldb;
    if (call.table != nullptr) {
        GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r) a[r] = call.rows[row + (r < valid ? r : valid - 1)];
        const int64_t* table = call.table;
        accumulateRun<Rows, Vectors>(
            a, call.tableSize, b, ldb, [table](int64_t k) HWY_ATTR { return table[k]; }, acc);
    } else {
        const int64_t step = call.step;
        for (int64_t s = 0; s < call.segmentCount; ++s) {
            const int64_t start = call.segmentOffsets[s];
            GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r) a[r] =
                call.rows[row + (r < valid ? r : valid - 1)] + start;
            b = accumulateRun<Rows, Vectors>(
                a, call.segmentLength, b, ldb, [step](int64_t k) HWY_ATTR { return k * step; }, acc);
        }
    }
    GRADLOOM_UNROLL for (int u = 1; u < chains; ++u) GRADLOOM_UNROLL for (int r = 0; r < Rows; ++r)
        GRADLOOM_UNROLL for (int v = 0; v < Vectors; ++v) acc[0][r][v] = hn::Add(acc[0][r][v], acc[u][r][v]);
    finish<Rows, Vectors>(call, row, valid, acc[0]);
}

template <int Vectors>
void runTiles(const TileCall& call)
{
    int64_t row = 0;
    for (; row + fullRows <= call.rowCount; row += fullRows)
        tile<fullRows, Vectors>(call, row, fullRows);
    const int64_t rest = call.rowCount - row;
    if (rest > mediumRows)
        tile<fullRows, Vectors>(call, row, rest);
    else if (rest > 4)
        tile<mediumRows, Vectors>(call, row, rest);
    else if (rest > 2)
        tile<4, Vectors>(call, row, rest);
    else if (rest == 2)
        tile<2, Vectors>(call, row, rest);
    else if (rest == 1)
        tile<1, Vectors>(call, row, rest);
}

void run(const TileCall& call)
{
    if (call.columns > lanes())
        runTiles<2>(call);
    else
        runTiles<1>(call);
}

const TileKernels& kernels()
{
    static const TileKernels table{static_cast<int>(lanes()), fullRows, 2 * static_cast<int>(lanes()), run};
    return table;
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(kernels);

const TileKernels& tileKernels()
{
    return HWY_DYNAMIC_DISPATCH(kernels)();
}

} // namespace gradloom::cpu
#endif
