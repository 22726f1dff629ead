#pragma once

#include <cstddef>
#include <cstdint>

namespace gradloom::cuda {

/// What a launch needs to know of the device it goes to.
struct Context
{
    void* stream = nullptr; ///< cudaStream_t
};

/// How many threads work together on one index of a team functor, and the floats of memory they share.
struct TeamSize
{
    int threads = 32; ///< 32, or a multiple of it up to 1024
    int64_t sharedFloats = 0;
};

/// A team for a row of so many numbers.
inline TeamSize teamForRow(int64_t length)
{
    return {length <= 1024 ? 32 : 256, 0};
}

/// A team for a tile of 32 columns that keeps so many floats a thread.
inline TeamSize teamForTile(int floatsPerThread)
{
    return {256, int64_t{256} * floatsPerThread};
}

/// Shared memory that a block of any kernel has on any GPU, with what the kernel declares itself.
inline constexpr size_t alwaysShared = 48 * 1024;
/// Of a team that is a block.
inline constexpr int mostWarpsOfTeam = 32;

/// Shared memory of a team. One of several warps has a float for each of them in front of its own, so that the
/// kernel declares none beside it.
inline size_t sharedBytes(const TeamSize& size)
{
    return static_cast<size_t>(size.sharedFloats + (size.threads > 32 ? mostWarpsOfTeam : 0)) * sizeof(float);
}

/// Runs functor(0) .. functor(count-1), one thread for each. Defined for the functors of functor_list.h: for
/// the GPU in kernels_*.cu, for tests in tests/engine/emulated_cuda.cpp.
template <class F>
void forEach(const Context& context, int64_t count, const F& functor);

/// Runs functor(team, 0) .. functor(team, count-1), one team for each.
template <class F>
void forTeams(const Context& context, int64_t count, const F& functor, const TeamSize& size);

} // namespace gradloom::cuda
