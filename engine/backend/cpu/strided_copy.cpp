#include "engine/backend/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

namespace gradloom::cpu {

namespace {

void copyDimension(const StridedCopy& c, int axis, const uint32_t* source, uint32_t* target)
{
    const auto a = static_cast<size_t>(axis);
    const int64_t extent = c.extents[axis];
    if (axis + 1 < c.extents.rank()) {
        for (int64_t i = 0; i < extent; ++i)
            copyDimension(c, axis + 1, source + i * c.sourceStride[a], target + i * c.targetStride[a]);
        return;
    }
    if (c.sourceStride[a] == 1 && c.targetStride[a] == 1) {
        std::memcpy(target, source, static_cast<size_t>(extent) * sizeof(uint32_t));
        return;
    }
    if (c.sourceStride[a] == 0 && c.targetStride[a] == 1) {
        std::fill_n(target, extent, *source);
        return;
    }
    for (int64_t i = 0; i < extent; ++i)
        target[i * c.targetStride[a]] = source[i * c.sourceStride[a]];
}

/// The same copy with as few dimensions as possible: those of one element are left out, and two that follow each other
/// in both layouts as one would are joined, so that the innermost loop is long.
StridedCopy simplified(const StridedCopy& copy)
{
    StridedCopy result{Shape(), {}, {}, copy.source, copy.target};
    std::vector<int64_t> extents;
    for (int axis = 0; axis < copy.extents.rank(); ++axis) {
        const auto a = static_cast<size_t>(axis);
        const int64_t extent = copy.extents[axis];
        if (extent == 1)
            continue;
        const size_t last = extents.size() - 1; // of those so far, where there is one
        const bool follows = !extents.empty() && result.sourceStride[last] == copy.sourceStride[a] * extent &&
            result.targetStride[last] == copy.targetStride[a] * extent;
        if (follows)
            extents.back() *= extent;
        else
            extents.push_back(extent);
        result.sourceStride[extents.size() - 1] = copy.sourceStride[a];
        result.targetStride[extents.size() - 1] = copy.targetStride[a];
    }
    result.extents = Shape(extents);
    return result;
}

/// What the innermost loop does; one element goes for a row.
std::string copyKernelName(const StridedCopy& copy)
{
    if (copy.extents.rank() == 0)
        return "row copy";
    const auto innermost = static_cast<size_t>(copy.extents.rank() - 1);
    if (copy.targetStride[innermost] != 1)
        return "strided copy";
    return copy.sourceStride[innermost] == 1   ? "row copy"
           : copy.sourceStride[innermost] == 0 ? "row fill"
                                               : "strided copy";
}

} // namespace

void addStridedCopy(Preparation& p, const StridedCopy& given)
{
    const StridedCopy copy = simplified(given);
    p.kernel = copyKernelName(copy);
    if (copy.extents.rank() == 0) {
        p.phase(1, 1, [copy](int64_t, int64_t, int) { *copy.target = *copy.source; });
        return;
    }
    const double work = static_cast<double>(copy.extents.elements());
    p.phase(copy.extents[0], work, [copy](int64_t begin, int64_t end, int) {
        StridedCopy part = copy;
        part.extents.setExtent(0, end - begin);
        copyDimension(part, 0, copy.source + begin * copy.sourceStride[0], copy.target + begin * copy.targetStride[0]);
    });
}

} // namespace gradloom::cpu
