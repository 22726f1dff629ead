#include "gather.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/gather.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE bool inTable(const GatherShape& s, int64_t index)
{
    return index >= 0 && index < s.rows && index != s.padding;
}

void gatherRows(const GatherArgs& args, int64_t begin, int64_t end)
{
    const GatherShape& s = args.shape;
    for (int64_t i = begin; i < end; ++i) {
        const int64_t index = args.indices[i];
        float* row = args.rows + i * s.width;
        args.mask[i] = index == s.padding ? 0.0F : 1.0F;
        if (inTable(s, index))
            std::copy_n(args.table + index * s.width, s.width, row);
        else
            std::fill_n(row, s.width, 0.0F);
    }
}

void gatherGradientColumns(const GatherGradientArgs& args, int64_t begin, int64_t end)
{
    const GatherShape& s = args.shape;
    const int64_t first = begin * gatherColumns;
    const int64_t columns = std::min(end * gatherColumns, s.width) - first;
    for (int64_t i = 0; i < s.count; ++i) {
        const int64_t index = args.indices[i];
        if (!inTable(s, index))
            continue;
        const float* from = args.gradient + i * s.width + first;
        float* to = args.table + index * s.width + first;
        forVectors(columns, [&](int64_t j, auto loadIt, auto storeIt)
                                HWY_ATTR { storeIt(hn::Add(loadIt(to + j), loadIt(from + j)), to + j); });
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
HWY_EXPORT(gatherGradientColumns);
HWY_EXPORT(addRow);

namespace {

/// The parts of the scratch memory of gatherRows.
struct RowLists
{
    int64_t tableSize; ///< a power of two, at least twice the number of rows
    int32_t* table;    ///< [tableSize]: hash table of positions among the rows, -1 where empty
    int32_t*
        starts; ///< [rows + 2]: where the occurrences of each row begin; its first is starts[position + 1]
    int32_t* places; ///< [count]: position of each index among the rows, -1 where it has none
    int32_t* order;  ///< [count]: the indices' numbers, row by row

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
    std::fill_n(lists.starts, most + 2, 0);
    int32_t found = 0;
    for (int64_t i = 0; i < s.count; ++i) {
        const int32_t index = args.indices[i];
        lists.places[i] = -1;
        if (index < 0 || index >= s.rows || index == s.padding)
            continue;
        int32_t& place = lists.table[lists.find(index, args.rows)];
        if (place < 0) {
            place = found;
            args.rows[found++] = index;
        }
        lists.places[i] = place;
        ++lists.starts[place + 2];
    }
    std::fill(args.rows + found, args.rows + most, -1);
    for (int64_t row = 2; row < most + 2; ++row)
        lists.starts[row] += lists.starts[row - 1];
    // Afterwards starts[row + 1] is where the next row begins.
    for (int64_t i = 0; i < s.count; ++i)
        if (lists.places[i] >= 0)
            lists.order[lists.starts[lists.places[i] + 1]++] = static_cast<int32_t>(i);
}

void gatherRowsSum(const GatherRowsArgs& args, int64_t begin, int64_t end)
{
    const GatherShape& s = args.shape;
    const RowLists lists(s, args.scratch);
    for (int64_t row = begin; row < end; ++row) {
        float* to = args.values + row * s.width;
        const int32_t first = lists.starts[row];
        const int32_t last = lists.starts[row + 1];
        if (first == last) {
            std::fill_n(to, s.width, 0.0F);
            continue;
        }
        std::copy_n(args.gradient + lists.order[first] * s.width, s.width, to);
        for (int32_t k = first + 1; k < last; ++k)
            HWY_DYNAMIC_DISPATCH(addRow)(args.gradient + lists.order[k] * s.width, to, s.width);
    }
}

void gather(const GatherArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(gatherRows)(args, begin, end);
}

int64_t gatherGradientUnits(const GatherShape& shape)
{
    return (shape.width + gatherColumns - 1) / gatherColumns;
}

void gatherGradient(const GatherGradientArgs& args, int64_t begin, int64_t end)
{
    HWY_DYNAMIC_DISPATCH(gatherGradientColumns)(args, begin, end);
}

} // namespace gradloom::cpu
#endif
