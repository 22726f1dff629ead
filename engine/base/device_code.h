#pragma once

/// Marks functions that run on a GPU too, where nvcc compiles them; for every other compiler they are inline
/// ones.
#if defined(__CUDACC__)
#define GRADLOOM_DEVICE __host__ __device__ __forceinline__
#else
#define GRADLOOM_DEVICE inline
#endif
