#pragma once

#include "engine/backend/cuda/cuda_check.h"

#include <cstdint>

/// Descriptors of cuDNN as owners.
namespace gradloom::cuda {

using TensorDescriptor = Owned<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor>;

/// Extents of a tensor as cuDNN names them.
struct ImageExtents
{
    int64_t n = 1, h = 1, w = 1, c = 1;

    /// Sizes and offsets are 32-bit numbers in cuDNN.
    bool fit() const { return n * h * w * c < int64_t{1} << 31; }
};

inline TensorDescriptor describeImage(const ImageExtents& e, cudnnDataType_t type = CUDNN_DATA_FLOAT,
    cudnnTensorFormat_t format = CUDNN_TENSOR_NHWC)
{
    cudnnTensorDescriptor_t descriptor = nullptr;
    check(cudnnCreateTensorDescriptor(&descriptor), "describing a tensor");
    TensorDescriptor owner(descriptor);
    check(cudnnSetTensor4dDescriptor(descriptor, format, type, static_cast<int>(e.n), static_cast<int>(e.c),
              static_cast<int>(e.h), static_cast<int>(e.w)),
        "describing a tensor");
    return owner;
}

} // namespace gradloom::cuda
