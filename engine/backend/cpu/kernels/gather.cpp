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

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(gatherRows);
HWY_EXPORT(gatherGradientColumns);

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
