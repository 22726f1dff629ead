#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/tile.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"
#include "tile.h"

#include <type_traits>

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

/// Row r of C, counted from the call's first row.
HWY_INLINE float* rowOfC(const TileCall& call, int64_t r)
{
    return call.cRows != nullptr ? call.cRows[r] : call.c + r * call.ldc;
}

/// Finishes one row of sums of any width; the path for incomplete tiles.
HWY_NOINLINE void finishRow(const TileCall& call, const float* sums, float* c)
{
    const Floats slope = broadcast(call.epilogue.slope);
    forVectors(call.columns, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        Floats v = load(sums + i);
        if (call.accumulate)
            v = hn::Add(v, loadIt(c + i));
        storeIt(activate(v, call.epilogue.activation, slope), c + i);
    });
}

template <int Rows, int Vectors>
HWY_INLINE void finishPart(
    const TileCall& call, int64_t row, int64_t valid, const Floats (&acc)[Rows][Vectors])
{
    HWY_ALIGN float sums[Rows][static_cast<size_t>(Vectors * lanes())];
    GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r)
        GRADLOOM_UNROLL
    for (int v = 0; v < Vectors; ++v)
        store(acc[r][v], &sums[r][v * lanes()]);
    for (int64_t r = 0; r < valid; ++r)
        finishRow(call, sums[r], rowOfC(call, row + r));
}

/// Adds a complete tile to rows of C that may overlap: each is stored before the next is read.
template <int Rows, int Vectors>
HWY_INLINE void addRows(float* const* rows, const Floats (&acc)[Rows][Vectors])
{
    GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r) {
        float* c = rows[r];
        GRADLOOM_UNROLL
        for (int v = 0; v < Vectors; ++v)
            store(hn::Add(load(c + v * lanes()), acc[r][v]), c + v * lanes());
    }
}

template <int Rows, int Vectors, class Map>
HWY_INLINE void storeRows(float* c, int64_t ldc, const Floats (&acc)[Rows][Vectors], const Map& map)
{
    GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r) {
        GRADLOOM_UNROLL
        for (int v = 0; v < Vectors; ++v)
            store(map(acc[r][v]), c + v * lanes());
        c += ldc;
    }
}

/// Brings the sums of a tile, which already hold the bias, to memory.
template <int Rows, int Vectors>
HWY_INLINE void finish(const TileCall& call, int64_t row, int64_t valid, Floats (&acc)[Rows][Vectors])
{
    if (valid < Rows || call.columns < Vectors * lanes())
        return finishPart<Rows, Vectors>(call, row, valid, acc);
    if (call.cRows != nullptr)
        return addRows<Rows, Vectors>(call.cRows + row, acc);
    const int64_t ldc = call.ldc;
    float* c = call.c + row * ldc;
    if (call.accumulate) {
        const float* from = c;
        GRADLOOM_UNROLL
        for (int r = 0; r < Rows; ++r) {
            GRADLOOM_UNROLL
            for (int v = 0; v < Vectors; ++v)
                acc[r][v] = hn::Add(acc[r][v], load(from + v * lanes()));
            from += ldc;
        }
    }
    const Activation activation = call.epilogue.activation;
    if (activation == Activation::None)
        return storeRows<Rows, Vectors>(c, ldc, acc, [](Floats v) HWY_ATTR { return v; });
    if (activation == Activation::Relu)
        return storeRows<Rows, Vectors>(c, ldc, acc, [](Floats v) HWY_ATTR { return maxKeepNan(zero(), v); });
    const Floats slope = broadcast(call.epilogue.slope);
    storeRows<Rows, Vectors>(
        c, ldc, acc, [slope](Floats v) HWY_ATTR { return activate(v, Activation::LeakyRelu, slope); });
}

/// Asks for the lines that the sums of a tile will be written to.
template <int Rows, int Vectors>
HWY_INLINE void prefetchC(const TileCall& call, int64_t row, int64_t valid)
{
    for (int64_t r = 0; r < valid; ++r) {
        const float* c = call.c + (row + r) * call.ldc;
        GRADLOOM_UNROLL
        for (int v = 0; v < Vectors; ++v)
            __builtin_prefetch(c + v * lanes(), 1);
    }
}

/// Sums start with the bias.
template <int Rows, int Vectors>
HWY_INLINE void startSums(const TileCall& call, Floats (&acc)[Rows][Vectors])
{
    Floats start[Vectors];
    GRADLOOM_UNROLL
    for (int v = 0; v < Vectors; ++v)
        start[v] = zero();
    if (const float* bias = call.epilogue.bias) {
        GRADLOOM_UNROLL
        for (int v = 0; v < Vectors; ++v) {
            const int64_t rest = call.columns - v * lanes();
            start[v] = rest >= lanes() ? load(bias + v * lanes()) : loadPart(bias + v * lanes(), rest);
        }
    }
    GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r)
        GRADLOOM_UNROLL
    for (int v = 0; v < Vectors; ++v)
        acc[r][v] = start[v];
}

// Where a tile's rows of A are. Twelve pointers leave too few integer registers for the rest of the loop, so
// rows at equal distances (a matrix) share four pointers, and neighbours in memory (a transposed A, the
// values of a window) share one. `at(offset)` gives the values of one k. The streamed ones ask for what is
// read later and the hardware does not foresee.

template <int Rows>
struct SeparateRows
{
    const float* pointers[Rows];

    HWY_INLINE SeparateRows(const float* const* rows, int64_t shift)
    {
        GRADLOOM_UNROLL
        for (int r = 0; r < Rows; ++r)
            pointers[r] = rows[r] + shift;
    }

    struct Values
    {
        const float* const* pointers;
        int64_t offset;
        HWY_INLINE float operator[](int r) const { return pointers[r][offset]; }
    };
    HWY_INLINE Values at(int64_t offset) const { return {pointers, offset}; }
};

template <int Rows>
struct NeighbourRows
{
    const float* first;

    HWY_INLINE NeighbourRows(const float* const* rows, int64_t shift) : first(rows[0] + shift) {}
    HWY_INLINE const float* at(int64_t offset) const { return first + offset; }
};

template <int Rows>
struct EquidistantRows
{
    const float* first;
    int64_t distance;

    HWY_INLINE EquidistantRows(const float* const* rows, int64_t shift)
        : first(rows[0] + shift), distance(rows[1] - rows[0])
    {
    }

    /// Every third row has a pointer; the two behind it are reached by the scale of an address.
    struct Values
    {
        const float* pointers[(Rows + 2) / 3];
        int64_t distance;
        HWY_INLINE float operator[](int r) const { return pointers[r / 3][r % 3 * distance]; }
    };
    HWY_INLINE Values at(int64_t offset) const
    {
        Values values;
        values.distance = distance;
        const float* p = first + offset;
        GRADLOOM_UNROLL
        for (int i = 0; i < (Rows + 2) / 3; ++i) {
            values.pointers[i] = p;
            p += 3 * distance;
        }
        return values;
    }
};

/// A transposed matrix: each k lies in another row of A and of B, often in another page.
template <int Rows>
struct StreamedNeighbours : NeighbourRows<Rows>
{
    HWY_INLINE StreamedNeighbours(const float* const* rows, int64_t shift) : NeighbourRows<Rows>(rows, shift)
    {
    }

    /// Some k ahead, which takes longer than memory does, into the second-level cache: the first has no room
    /// for so many.
    template <int Vectors>
    HWY_INLINE void prefetch(int64_t k, int64_t step, const float* b, int64_t ldb) const
    {
        constexpr int64_t ahead = 64;
        const float* a = this->at((k + ahead) * step);
        __builtin_prefetch(a, 0, 2);
        __builtin_prefetch(a + Rows - 1, 0, 2);
        GRADLOOM_UNROLL
        for (int v = 0; v < Vectors; ++v)
            __builtin_prefetch(b + ahead * ldb + v * lanes(), 0, 2);
    }
};

/// A matrix whose rows are too short for the hardware to follow them.
template <int Rows>
struct StreamedRows : EquidistantRows<Rows>
{
    HWY_INLINE StreamedRows(const float* const* rows, int64_t shift) : EquidistantRows<Rows>(rows, shift) {}

    /// The rows of the next tile, a line of one of them for each k.
    template <int Vectors>
    HWY_INLINE void prefetch(int64_t k, int64_t, const float*, int64_t) const
    {
        constexpr int64_t line = 16;
        static_assert(Rows <= line);
        __builtin_prefetch(this->first + (Rows + k % line) * this->distance + k / line * line);
    }
};

template <class A>
constexpr bool isStreamed = false;
template <int Rows>
constexpr bool isStreamed<StreamedNeighbours<Rows>> = true;
template <int Rows>
constexpr bool isStreamed<StreamedRows<Rows>> = true;

/// The distance of all neighbouring rows, 0 where they differ.
template <int Rows>
HWY_INLINE int64_t distanceOf(const float* const* rows)
{
    const int64_t distance = rows[1] - rows[0];
    bool equal = true;
    for (int r = 2; r < Rows; ++r)
        equal = equal && rows[r] - rows[r - 1] == distance;
    return equal ? distance : 0;
}

/// One step of k: acc[r] += a[r] * b.
template <int Rows, int Vectors, class A>
HWY_INLINE void multiply(
    const A& a, int64_t offset, const float* HWY_RESTRICT b, Floats (&acc)[Rows][Vectors])
{
    Floats column[Vectors];
    GRADLOOM_UNROLL
    for (int v = 0; v < Vectors; ++v)
        column[v] = load(b + v * lanes());
    const auto values = a.at(offset);
    GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r) {
        const Floats value = broadcast(values[r]);
        GRADLOOM_UNROLL
        for (int v = 0; v < Vectors; ++v)
            acc[r][v] = hn::MulAdd(value, column[v], acc[r][v]);
    }
}

/// Offsets of a call's k: equal steps, or any.
struct LinearOffset
{
    int64_t step;
    HWY_INLINE int64_t operator()(int64_t k) const { return k * step; }
};
struct TableOffset
{
    const int64_t* table;
    HWY_INLINE int64_t operator()(int64_t k) const { return table[k]; }
};

/// Tiles with few rows would wait for the latency of the addition; they sum `Chains` interleaved k apart.
template <int Rows, int Vectors>
constexpr int chainsFor()
{
    return Rows * Vectors >= 8 ? 1 : 8 / (Rows * Vectors) > 4 ? 4 : 8 / (Rows * Vectors);
}

template <int Rows, int Vectors, class A, class Offset>
HWY_INLINE const float* accumulateRun(const A& a, int64_t count, const float* HWY_RESTRICT b, int64_t ldb,
    const Offset& offset, Floats (&acc)[chainsFor<Rows, Vectors>()][Rows][Vectors])
{
    constexpr int chains = chainsFor<Rows, Vectors>();
    int64_t k = 0;
    if constexpr (chains > 1) {
        for (; k + chains <= count; k += chains)
            GRADLOOM_UNROLL
        for (int u = 0; u < chains; ++u) {
            multiply<Rows, Vectors, A>(a, offset(k + u), b, acc[u]);
            b += ldb;
        }
    }
    for (; k < count; ++k) {
        multiply<Rows, Vectors, A>(a, offset(k), b, acc[0]);
        if constexpr (isStreamed<A> && std::is_same_v<Offset, LinearOffset>)
            a.template prefetch<Vectors>(k, offset.step, b, ldb);
        b += ldb;
    }
    return b;
}

/// The rows [row, row + valid) of the call. `rows` are their pointers, followed by repetitions of the last
/// one, whose sums are not stored, where valid < Rows.
template <int Rows, int Vectors, class A = SeparateRows<Rows>>
HWY_NOINLINE void tile(const TileCall& call, const float* const* rows, int64_t row, int64_t valid)
{
    constexpr int chains = chainsFor<Rows, Vectors>();
    Floats acc[chains][Rows][Vectors];
    startSums<Rows, Vectors>(call, acc[0]);
    GRADLOOM_UNROLL
    for (int u = 1; u < chains; ++u)
        GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r)
        GRADLOOM_UNROLL
    for (int v = 0; v < Vectors; ++v)
        acc[u][r][v] = zero();

    if (call.farC)
        prefetchC<Rows, Vectors>(call, row, valid);
    const float* b = call.b;
    const int64_t ldb = call.ldb;
    if (const int64_t* table = call.table) {
        accumulateRun<Rows, Vectors>(A(rows, 0), call.tableSize, b, ldb, TableOffset{table}, acc);
    } else {
        const LinearOffset offset{call.step};
        for (int64_t s = 0; s < call.segmentCount; ++s)
            b = accumulateRun<Rows, Vectors>(
                A(rows, call.segmentOffsets[s]), call.segmentLength, b, ldb, offset, acc);
    }
    GRADLOOM_UNROLL
    for (int u = 1; u < chains; ++u)
        GRADLOOM_UNROLL
    for (int r = 0; r < Rows; ++r)
        GRADLOOM_UNROLL
    for (int v = 0; v < Vectors; ++v)
        acc[0][r][v] = hn::Add(acc[0][r][v], acc[u][r][v]);
    finish<Rows, Vectors>(call, row, valid, acc[0]);
}

/// The last rows, fewer than a full tile.
template <int Vectors>
void lastTile(const TileCall& call, int64_t row, int64_t rest)
{
    const float* rows[fullRows];
    for (int64_t r = 0; r < fullRows; ++r)
        rows[r] = call.rows[row + (r < rest ? r : rest - 1)];
    // The 3 x 3 window of a one-channel picture has a tile of its own: such first layers are frequent.
    constexpr int windowRows = fullRows > 9 ? 9 : fullRows;
    if (rest == windowRows)
        tile<windowRows, Vectors>(call, rows, row, rest);
    else if (rest > mediumRows)
        tile<fullRows, Vectors>(call, rows, row, rest);
    else if (rest > 4)
        tile<mediumRows, Vectors>(call, rows, row, rest);
    else if (rest > 2)
        tile<4, Vectors>(call, rows, row, rest);
    else if (rest == 2)
        tile<2, Vectors>(call, rows, row, rest);
    else
        tile<1, Vectors>(call, rows, row, rest);
}

template <int Vectors>
void runTiles(const TileCall& call)
{
    int64_t row = 0;
    for (; row + fullRows <= call.rowCount; row += fullRows) {
        const float* const* rows = call.rows + row;
        const int64_t distance = distanceOf<fullRows>(rows);
        const bool equidistant = fullRows > 6 && distance != 0;
        if (distance == 1 && call.streamed)
            tile<fullRows, Vectors, StreamedNeighbours<fullRows>>(call, rows, row, fullRows);
        else if (distance == 1)
            tile<fullRows, Vectors, NeighbourRows<fullRows>>(call, rows, row, fullRows);
        else if (equidistant && call.streamed)
            tile<fullRows, Vectors, StreamedRows<fullRows>>(call, rows, row, fullRows);
        else if (equidistant)
            tile<fullRows, Vectors, EquidistantRows<fullRows>>(call, rows, row, fullRows);
        else
            tile<fullRows, Vectors>(call, rows, row, fullRows);
    }
    if (row < call.rowCount)
        lastTile<Vectors>(call, row, call.rowCount - row);
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
    static const TileKernels table{
        static_cast<int>(lanes()), fullRows, 2 * static_cast<int>(lanes()), run};
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
