#pragma once

#include <hwy/cache_control.h>

#include <cstdint>

namespace gradloom::cpu {

/// Asks for numbers that are read soon, where the processor does not foresee it: rows far apart or in any order.
inline void prefetchRow(const float* row, std::int64_t count)
{
    constexpr std::int64_t line = 16;
    for (std::int64_t i = 0; i < count; i += line)
        hwy::Prefetch(row + i);
}

/// How many rows before the one in work.
inline constexpr std::int64_t rowsAhead = 4;

} // namespace gradloom::cpu
