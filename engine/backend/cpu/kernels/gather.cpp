#include "gather.h"

#include "hwy_config.h"
#include "prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/gather.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <ranges>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

void gatherRows(const GatherArgs& args, int64_t begin, int64_t end)
{
    const GatherShape& s = args.shape;
    for (int64_t i = begin; i < end; ++i) {
        const int64_t index = args.indices[i];
        if (i + rowsAhead < end && s.has(args.indices[i + rowsAhead]))
            prefetchRow(args.table + args.indices[i + rowsAhead] * s.width, s.width);
        float* row = args.rows + i * s.width;
        args.mask[i] = index == s.padding ? 0.0F : 1.0F;
        if (s.has(index))
            std::copy_n(args.table + index * s.width, s.width, row);
        else
            std::fill_n(row, s.width, 0.0F);
    }
}

/// y += x over n values.
void addRow(const float* x, float* y, int64_t n)
{
    forVectors(n, [&](int64_t i, auto loadIt, auto storeIt)
                      HWY_ATTR { storeIt(hn::Add(loadIt(y + i), loadIt(x + i)), y + i); });
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(gatherRows);
HWY_EXPORT(addRow);

namespace {

/// Where rows occur among indices.
struct Occurrences
{
    int32_t* starts; ///< [rows + 2]: where those of each row begin in `order`, and end: at the next one's start
    int32_t* order;  ///< [count]: the numbers of the indices, row by row
};

/// rowOf(i): the row of index i, -1 for none.
template <class RowOf>
void sortOccurrences(const Occurrences& to, int64_t rows, int64_t count, const RowOf& rowOf)
{
    std::fill_n(to.starts, rows + 2, 0);
    for (int64_t i = 0; i < count; ++i)
        if (rowOf(i) >= 0)
            ++to.starts[rowOf(i) + 2];
    for (int64_t row = 2; row < rows + 2; ++row)
        to.starts[row] += to.starts[row - 1];
    // Now starts[row + 1] is where the row begins; afterwards where it ends.
    for (int64_t i = 0; i < count; ++i)
        if (rowOf(i) >= 0)
            to.order[to.starts[rowOf(i) + 1]++] = static_cast<int32_t>(i);
}

/// to [width] = the sum of the gradient's rows that belong to `row`, in their order.
void sumOccurrences(
    const Occurrences& occurrences, int64_t row, const float* gradient, int64_t width, float* to)
{
    const int32_t first = occurrences.starts[row];
    const int32_t last = occurrences.starts[row + 1];
    if (first == last) {
        std::fill_n(to, width, 0.0F);
        return;
    }
    std::copy_n(gradient + occurrences.order[first] * width, width, to);
    for (int32_t k = first + 1; k < last; ++k)
        HWY_DYNAMIC_DISPATCH(addRow)(gradient + occurrences.order[k] * width, to, width);
}

void prefetchOccurrences(const Occurrences& occurrences, int64_t row, const float* gradient, int64_t width)
{
    for (int32_t k = occurrences.starts[row]; k < occurrences.starts[row + 1]; ++k)
        prefetchRow(gradient + occurrences.order[k] * width, width);
}

/// The parts of the scratch memory of gatherRows.
struct RowLists
{
    int64_t tableSize; ///< a power of two, at least twice the number of rows
    int32_t* table;    ///< [tableSize]: hash table of positions among the rows, -1 where empty
    int32_t* starts; ///< and `order`: see Occurrences
    int32_t* places; ///< [count]: position of each index among the rows, -1 where it has none
    int32_t* order;

    RowLists(const GatherShape& shape, int32_t* scratch) : tableSize(16)
    {
        const int64_t most = gatherRowsMost(shape);
        while (tableSize < 2 * most)
            tableSize *= 2;
        table = scratch;
        starts = table + tableSize;
        places = starts + most + 2;
        order = places + shape.count;
    }
    int64_t size(const GatherShape& shape) const { return order + shape.count - table; }

    /// Where `index` is in the hash table, or the empty place where it belongs (Knuth's multiplicative hash,
    /// linear probing).
    int64_t find(int32_t index, const int32_t* rows) const
    {
        const uint32_t hash = static_cast<uint32_t>(index) * 2654435769U;
        int64_t at = static_cast<int64_t>(hash ^ hash >> 15) & (tableSize - 1);
        while (table[at] >= 0 && rows[table[at]] != index)
            at = (at + 1) & (tableSize - 1);
        return at;
    }
};

} // namespace

int64_t gatherRowsMost(const GatherShape& shape)
{
    return std::min(shape.count, shape.rows);
}

int64_t gatherRowsScratch(const GatherShape& shape)
{
    return RowLists(shape, nullptr).size(shape);
}

void gatherRowsFind(const GatherRowsArgs& args)
{
    const GatherShape& s = args.shape;
    const RowLists lists(s, args.scratch);
    const int64_t most = gatherRowsMost(s);
    std::fill_n(lists.table, lists.tableSize, -1);
    int32_t found = 0;
    for (int64_t i = 0; i < s.count; ++i) {
        const int32_t index = args.indices[i];
        lists.places[i] = -1;
        if (!s.has(index))
            continue;
        int32_t& place = lists.table[lists.find(index, args.rows)];
        if (place < 0) {
            place = found;
            args.rows[found++] = index;
        }
        lists.places[i] = place;
    }
    std::fill(args.rows + found, args.rows + most, -1);
    sortOccurrences({lists.starts, lists.order}, most, s.count, [&](int64_t i) { return lists.places[i]; });
}

void gatherRowsSum(const GatherRowsArgs& args, int64_t begin, int64_t end)
{
    const GatherShape& s = args.shape;
    const RowLists lists(s, args.scratch);
    const Occurrences occurrences{lists.starts, lists.order};
    for (int64_t row = begin; row < end; ++row) {
        if (row + rowsAhead < end)
            prefetchOccurrences(occurrences, row + rowsAhead, args.gradient, s.width);
        sumOccurrences(occurrences, row, args.gradient, s.width, args.values + row * s.width);
    }
}

void unique(const UniqueArgs& args)
{
    const GatherShape& s = args.shape;
    // What the scratch says of an index counts where the list agrees, so that it need not be cleared (Briggs and
    // Torczon, "An Efficient Representation for Sparse Sets", 1993).
    int32_t found = 0;
    for (int64_t i = 0; i < s.count; ++i) {
        const int32_t index = args.indices[i];
        args.places[i] = -1;
        if (!s.has(index))
            continue;
        int32_t& place = args.scratch[index];
        if (place < 0 || place >= found || args.rows[place] != index) {
            place = found;
            args.rows[found++] = index;
        }
        args.places[i] = place;
    }
    std::fill(args.rows + found, args.rows + gatherRowsMost(s), -1);
}

int64_t uniqueCount(const int32_t* rows, int64_t most)
{
    return std::partition_point(rows, rows + most, [](int32_t row) { return row >= 0; }) - rows;
}

void gather(const GatherArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(gatherRows)(args, begin, end);
}

int64_t gatherGradientScratch(const GatherShape& shape)
{
    return shape.rows + 2 + shape.count;
}

void gatherGradientFind(const GatherGradientArgs& args)
{
    const GatherShape& s = args.shape;
    sortOccurrences({args.scratch, args.scratch + s.rows + 2}, s.rows, s.count,
        [&](int64_t i) { return s.has(args.indices[i]) ? args.indices[i] : -1; });
}

int64_t gatherGradientUnits(const GatherShape& shape)
{
    return shape.rows + shape.count;
}

void gatherGradient(const GatherGradientArgs& args, int64_t begin, int64_t end)
{
    const GatherShape& s = args.shape;
    const Occurrences occurrences{args.scratch, args.scratch + s.rows + 2};
    // A row's unit is its number and that of the occurrences before it.
    const auto rows = std::views::iota(int64_t{0}, s.rows);
    const auto rowAt = [&](int64_t unit) {
        return std::ranges::lower_bound(rows, unit, {}, [&](int64_t row) { return row + occurrences.starts[row]; }) -
               rows.begin();
    };
    const int64_t last = rowAt(end);
    for (int64_t row = rowAt(begin); row < last; ++row) {
        if (row + rowsAhead < last)
            prefetchOccurrences(occurrences, row + rowsAhead, args.gradient, s.width);
        sumOccurrences(occurrences, row, args.gradient, s.width, args.table + row * s.width);
    }
}

} // namespace gradloom::cpu
#endif
