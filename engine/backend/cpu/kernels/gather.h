#pragma once

#include <cstdint>

namespace gradloom::cpu {

/// `count` indices into a table of rows × width. An index outside 0 .. rows-1, and the index `padding` (-1:
/// none), stand for a row of zeros that gets no gradient.
struct GatherShape
{
    std::int64_t count = 0, rows = 0, width = 0;
    std::int64_t padding = -1;

    bool has(std::int64_t index) const { return index >= 0 && index < rows && index != padding; }
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

struct GatherGradientArgs
{
    GatherShape shape;
    const float* gradient = nullptr;       ///< [count, width]
    const std::int32_t* indices = nullptr; ///< [count]
    float* table = nullptr;                ///< [rows, width]: the sums
    std::int32_t* scratch = nullptr;       ///< [gatherGradientScratch], kept between both passes
};
std::int64_t gatherGradientScratch(const GatherShape& shape);
/// First pass, one unit: finds where each row occurs.
void gatherGradientFind(const GatherGradientArgs& args);
/// Second pass. Units: rows of the table and indices, so that parts are alike also where a few rows occur most. Each
/// sum is one thread's and always taken in the same order.
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

/// The different indices, each once, in the order in which they occur, and where each one is among them.
struct UniqueArgs
{
    GatherShape shape;                     ///< its width does not matter
    const std::int32_t* indices = nullptr; ///< [count]
    std::int32_t* rows = nullptr;          ///< [gatherRowsMost]: the indices, -1 behind the last one
    std::int32_t* places = nullptr;        ///< [count]: of each in `rows`, -1 for one that stands for zeros
    std::int32_t* scratch = nullptr;       ///< [shape.rows], with anything in it
};
void unique(const UniqueArgs& args);
/// How many there are: the numbers in front of the first -1.
std::int64_t uniqueCount(const std::int32_t* rows, std::int64_t most);

} // namespace gradloom::cpu
