#pragma once

#include "engine/backend/cuda/launch.h"

#include <cuda_runtime_api.h>

/// Runs functors on the GPU: one thread for each index, or a team of one warp or one block.
namespace gradloom::cuda {

namespace {

constexpr int elementThreads = 256;
constexpr int mostWarps = 4; ///< of a block whose warps are teams
constexpr unsigned allLanes = 0xFFFFFFFFU;

__device__ __forceinline__ float warpSum(float v)
{
    for (int distance = 16; distance > 0; distance /= 2)
        v += __shfl_xor_sync(allLanes, v, distance);
    return v;
}

__device__ __forceinline__ float warpMax(float v)
{
    for (int distance = 16; distance > 0; distance /= 2) {
        const float other = __shfl_xor_sync(allLanes, v, distance);
        v = v > other || v != v ? v : other;
    }
    return v;
}

/// 32 threads.
struct WarpTeam
{
    float* shared;

    __device__ int rank() const { return static_cast<int>(threadIdx.x % 32); }
    __device__ int size() const { return 32; }
    __device__ void sync() const { __syncwarp(); }
    __device__ float sum(float v) const { return warpSum(v); }
    __device__ float max(float v) const { return warpMax(v); }
    __device__ uint32_t ballot(bool b) const { return __ballot_sync(allLanes, b); }
};

/// All threads of a block, whole warps of them.
struct BlockTeam
{
    float* shared;
    float* ofWarps; ///< mostWarpsOfTeam floats

    __device__ int rank() const { return static_cast<int>(threadIdx.x); }
    __device__ int size() const { return static_cast<int>(blockDim.x); }
    __device__ void sync() const { __syncthreads(); }
    __device__ float sum(float v) const
    {
        v = gather(warpSum(v), 0.0F);
        return warpSum(v);
    }
    __device__ float max(float v) const
    {
        v = gather(warpMax(v), -INFINITY);
        return warpMax(v);
    }
    __device__ uint32_t ballot(bool b) const { return b ? 1U : 0U; }

private:
    /// The warps' values, one for each lane, in every warp.
    __device__ float gather(float v, float otherwise) const
    {
        __syncthreads();
        if (threadIdx.x % 32 == 0)
            ofWarps[threadIdx.x / 32] = v;
        __syncthreads();
        const unsigned lane = threadIdx.x % 32;
        return lane < blockDim.x / 32 ? ofWarps[lane] : otherwise;
    }
};

template <class F>
__global__ void __launch_bounds__(elementThreads) runElements(F functor, int64_t count)
{
    const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step)
        functor(i);
}

template <class F>
__global__ void __launch_bounds__(32 * mostWarps) runWarps(F functor, int64_t count, int sharedFloats)
{
    extern __shared__ float memory[];
    const int64_t warps = blockDim.x / 32;
    const int64_t warp = threadIdx.x / 32;
    WarpTeam team{memory + warp * sharedFloats};
    const int64_t step = gridDim.x * warps;
    for (int64_t i = blockIdx.x * warps + warp; i < count; i += step) {
        functor(team, i);
        team.sync();
    }
}

template <class F>
__global__ void __launch_bounds__(1024) runBlocks(F functor, int64_t count)
{
    extern __shared__ float memory[];
    BlockTeam team{memory + mostWarpsOfTeam, memory};
    for (int64_t i = blockIdx.x; i < count; i += gridDim.x) {
        functor(team, i);
        team.sync();
    }
}

/// Blocks for so much work: enough to fill any GPU, few enough that none is started for nothing.
inline unsigned blocksFor(int64_t units, int64_t unitsOfBlock)
{
    constexpr int64_t most = 65536;
    const int64_t blocks = (units + unitsOfBlock - 1) / unitsOfBlock;
    return static_cast<unsigned>(blocks < most ? blocks : most);
}

inline cudaStream_t streamOf(const Context& context)
{
    return static_cast<cudaStream_t>(context.stream);
}

/// A kernel may use more than is always there only if it is told so.
template <class Kernel>
void allowShared(Kernel kernel, size_t bytes)
{
    if (bytes > alwaysShared)
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
}

/// Warps of a block that share nothing but its memory, each with so much: as many as the GPU in use has it for.
inline unsigned warpsFor(size_t bytesOfWarp)
{
    unsigned warps = mostWarps;
    if (bytesOfWarp * warps <= alwaysShared)
        return warps;
    int device = 0;
    int most = 0;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    while (warps > 1 && bytesOfWarp * warps > static_cast<size_t>(most))
        warps /= 2;
    return warps;
}

} // namespace

template <class F>
void forEach(const Context& context, int64_t count, const F& functor)
{
    if (count > 0)
        runElements<<<blocksFor(count, elementThreads), elementThreads, 0, streamOf(context)>>>(
            functor, count);
}

template <class F>
void forTeams(const Context& context, int64_t count, const F& functor, const TeamSize& size)
{
    if (count <= 0)
        return;
    const size_t bytes = sharedBytes(size);
    if (size.threads == 32) {
        const unsigned warps = warpsFor(bytes);
        allowShared(runWarps<F>, bytes * warps);
        runWarps<<<blocksFor(count, warps), 32 * warps, bytes * warps, streamOf(context)>>>(
            functor, count, static_cast<int>(size.sharedFloats));
        return;
    }
    allowShared(runBlocks<F>, bytes);
    runBlocks<<<blocksFor(count, 1), static_cast<unsigned>(size.threads), bytes, streamOf(context)>>>(
        functor, count);
}

} // namespace gradloom::cuda
