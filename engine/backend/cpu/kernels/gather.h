#pragma once

#include <cstdint>

namespace gradloom::cpu {

/// `count` indices into a table of rows × width. An index outside 0 .. rows-1, and the index `padding` (-1:
/// none), stand for a row of zeros that gets no gradient.
struct GatherShape
{
    std::int64_t count = 0, rows = 0, width = 0;
    std::int64_t padding = -1;
};

struct GatherArgs
{
    GatherShape shape;
    const float* table = nullptr;          ///< [rows, width]
    const std::int32_t* indices = nullptr; ///< [count]
    float* rows = nullptr;                 ///< [count, width]
    float* mask = nullptr;                 ///< [count]: 0 where the index is `padding`, else 1
};
/// Units: indices.
void gather(const GatherArgs& args, std::int64_t begin, std::int64_t end);

inline constexpr std::int64_t gatherColumns = 16;

struct GatherGradientArgs
{
    GatherShape shape;
    const float* gradient = nullptr;       ///< [count, width]
    const std::int32_t* indices = nullptr; ///< [count]
    float* table = nullptr;                ///< [rows, width]: the sums are added to what is there
};
/// Units: blocks of gatherColumns columns (a line of the cache), so that each sum is one thread's and always
/// taken in the same order.
std::int64_t gatherGradientUnits(const GatherShape& shape);
void gatherGradient(const GatherGradientArgs& args, std::int64_t begin, std::int64_t end);

/// The gradient as the sums of those rows that occur, each once, in the order in which they occur.
struct GatherRowsArgs
{
    GatherShape shape;
    const float* gradient = nullptr;       ///< [count, width]
    const std::int32_t* indices = nullptr; ///< [count]
    float* values = nullptr;               ///< [gatherRowsMost, width]: the sums, zeros behind the last one
    std::int32_t* rows = nullptr;          ///< [gatherRowsMost]: their rows of the table, -1 behind the last one
    std::int32_t* scratch = nullptr;       ///< [gatherRowsScratch], kept between both passes
};
/// The most rows that can occur.
std::int64_t gatherRowsMost(const GatherShape& shape);
std::int64_t gatherRowsScratch(const GatherShape& shape);
/// First pass, one unit: finds the rows and where each occurs.
void gatherRowsFind(const GatherRowsArgs& args);
/// Second pass. Units: rows of the values.
void gatherRowsSum(const GatherRowsArgs& args, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
