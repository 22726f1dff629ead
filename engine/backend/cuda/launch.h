#pragma once

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

/// Runs functor(0) .. functor(count-1), one thread for each. Defined for the functors of functor_list.h: for
/// the GPU in kernels_*.cu, for tests in tests/engine/emulated_cuda.cpp.
template <class F>
void forEach(const Context& context, int64_t count, const F& functor);

/// Runs functor(team, 0) .. functor(team, count-1), one team for each.
template <class F>
void forTeams(const Context& context, int64_t count, const F& functor, const TeamSize& size);

} // namespace gradloom::cuda
