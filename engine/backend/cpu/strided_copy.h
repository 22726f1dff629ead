#pragma once

#include "engine/backend/cpu/cpu_op.h"

#include <array>

namespace gradloom::cpu {

/// Copies 32-bit elements between two layouts: `extents` elements a dimension, with the distance of neighbours in source
/// and destination. Transpose, slice, pad, broadcast and concat are this with different strides.
struct StridedCopy
{
    Shape extents;
    std::array<int64_t, Shape::maxRank> sourceStride{};
    std::array<int64_t, Shape::maxRank> targetStride{};
    const uint32_t* source = nullptr;
    uint32_t* target = nullptr;
};

/// Adds the copy as a pass over the outermost dimension.
void addStridedCopy(Preparation& preparation, const StridedCopy& copy);

} // namespace gradloom::cpu
