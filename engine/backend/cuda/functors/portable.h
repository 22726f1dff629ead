#pragma once

#include "engine/base/device_code.h"

#include <cmath>
#include <cstdint>
#include <cstring>

/// Kernels are written as functors that a plain C++ compiler takes too: launched in grids on a GPU, called by
/// tests on the CPU, in loops and in teams of fibers. A functor for elements has `operator()(int64_t index)`, one for teams
/// `operator()(Team& team, int64_t index)`: the threads of a team work on one row, column block or sequence
/// together.
///
/// A team offers rank() and size() of its threads, sync(), sum(v) and max(v) over all threads, ballot(b) (a
/// bit for each thread, teams of at most 32) and `shared`, memory of all of them.
namespace gradloom::cuda {

struct Division
{
    int64_t quotient;
    int64_t rest;
};

/// a / b and a % b for numbers that are not negative. Division of 64 bits takes a GPU many times as long as
/// of 32.
GRADLOOM_DEVICE Division divide(int64_t a, int64_t b)
{
    if (((a | b) >> 32) == 0) {
        const auto small = static_cast<uint32_t>(a);
        const auto by = static_cast<uint32_t>(b);
        const uint32_t quotient = small / by;
        return {static_cast<int64_t>(quotient), static_cast<int64_t>(small - quotient * by)};
    }
    return {a / b, a % b};
}

GRADLOOM_DEVICE int64_t minOf(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

GRADLOOM_DEVICE int64_t maxOf(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/// The larger one; NaN wins.
GRADLOOM_DEVICE float larger(float a, float b)
{
    return a > b || a != a ? a : b;
}

GRADLOOM_DEVICE float smaller(float a, float b)
{
    return a < b || a != a ? a : b;
}

/// max(x, 0); NaN stays.
GRADLOOM_DEVICE float rectified(float x)
{
    return x < 0.0F ? 0.0F : x;
}

GRADLOOM_DEVICE float sigmoidOf(float x)
{
    return 1.0F / (1.0F + expf(-x));
}

GRADLOOM_DEVICE int32_t bitsOf(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

GRADLOOM_DEVICE float floatOf(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/// Some neighbouring numbers, read and written at once.
template <int Width>
struct alignas(sizeof(float) * Width) Lanes
{
    float v[Width];
};

/// Whether an address allows to read and write four floats at once.
GRADLOOM_DEVICE bool isAligned(const void* address)
{
    return reinterpret_cast<uintptr_t>(address) % (4 * sizeof(float)) == 0;
}

template <int Width>
GRADLOOM_DEVICE Lanes<Width> loadLanes(const float* from)
{
    return *reinterpret_cast<const Lanes<Width>*>(from);
}

template <int Width>
GRADLOOM_DEVICE void storeLanes(const Lanes<Width>& lanes, float* to)
{
    *reinterpret_cast<Lanes<Width>*>(to) = lanes;
}

/// A block of 32 columns and some rows that a team takes together: threads beside each other take columns
/// beside each other, so that memory is read in whole lines.
struct ColumnTile
{
    static constexpr int width = 32;
    /// Tiles that so many columns take.
    static GRADLOOM_DEVICE int64_t count(int64_t all) { return (all + width - 1) / width; }

    int columns; ///< threads side by side
    int rows;    ///< threads one behind the other
    int column;
    int row;

    template <class Team>
    GRADLOOM_DEVICE explicit ColumnTile(const Team& team)
    {
        columns = team.size() < width ? team.size() : width;
        rows = team.size() / columns;
        column = team.rank() % columns;
        row = team.rank() / columns;
    }

    /// Adds the sums of all rows of threads to those of the first one, in their order. `team.shared`: Count
    /// floats a thread.
    template <int Count, class Team>
    GRADLOOM_DEVICE void addRows(Team& team, float (&sums)[Count]) const
    {
        for (int k = 0; k < Count; ++k)
            team.shared[Count * team.rank() + k] = sums[k];
        team.sync();
        for (int other = 1; row == 0 && other < rows; ++other)
            for (int k = 0; k < Count; ++k)
                sums[k] += team.shared[Count * (other * columns + column) + k];
        team.sync();
    }
};

/// How many teams share a reduction of `length` rows where `others` independent ones run beside each other: a
/// function of the shape only, so that results do not depend on the device.
inline int64_t reductionParts(int64_t length, int64_t others)
{
    constexpr int64_t enoughTeams = 528;
    constexpr int64_t worthATeam = 64;
    const int64_t most = length / worthATeam;
    const int64_t wanted = enoughTeams / (others < 1 ? 1 : others);
    const int64_t parts = most < wanted ? most : wanted;
    return parts < 1 ? 1 : parts;
}

/// First row of a part; part == parts gives the end.
GRADLOOM_DEVICE int64_t partBegin(int64_t length, int64_t parts, int64_t part)
{
    return length * part / parts;
}

} // namespace gradloom::cuda
