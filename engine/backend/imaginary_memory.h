#pragma once

#include "engine/compile/plan.h"

#include <cstdint>

namespace gradloom::backend {

/// Where a value would be, to make operations ready of which only the memory they take is asked: aligned as on a device,
/// the segments apart from each other. Nobody may read or write there.
inline std::byte* imaginaryAddress(const compile::Plan& plan, ir::ValueId id)
{
    constexpr int segmentBits = 44;
    const compile::Location place = plan.locations[static_cast<size_t>(id)];
    const auto segment = (static_cast<uint64_t>(place.segment) + 1) << segmentBits;
    return reinterpret_cast<std::byte*>(segment + static_cast<uint64_t>(place.offset));
}

} // namespace gradloom::backend
