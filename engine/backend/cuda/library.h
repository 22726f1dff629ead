#pragma once

#include "engine/backend/cuda/cuda_op.h"
#include "engine/backend/cuda/functors/window.h"

#include <optional>

/// What NVIDIA's libraries compute for the operations. Implemented with cuBLASLt (matrix_product.cpp) and
/// cuDNN (library_convolution.cpp); tests implement it with loops.
namespace gradloom::cuda {

enum class Number { F32, Bf16 };

/// C (m×n) = activation(A·B + bias), row by row in memory: A is m×k (k×m where transposed), B k×n (n×k), C
/// and bias float32, sums in float32. `ld` is the distance of two rows.
struct MatrixProduct
{
    int64_t m = 0, n = 0, k = 0;
    Number number = Number::F32; ///< of A and B
    const void* a = nullptr;
    int64_t lda = 0;
    bool transA = false;
    const void* b = nullptr;
    int64_t ldb = 0;
    bool transB = false;
    float* c = nullptr;
    int64_t ldc = 0;
    const float* bias = nullptr; ///< [n] or null
    bool relu = false;
    int64_t batch = 1; ///< products whose matrices lie the strides apart
    int64_t strideA = 0, strideB = 0, strideC = 0;
};

Launch matrixProduct(Preparation& preparation, const MatrixProduct& product);

enum class ConvolutionPass {
    Forward, ///< y from x and weights
    Data,    ///< x from y and weights
    Weights  ///< weights from x and y
};

/// A convolution as cuDNN takes it: padding the same on both sides, weights K×kh×kw×C/groups, all in one
/// number format.
struct LibraryConvolution
{
    ConvolutionPass pass = ConvolutionPass::Forward;
    WindowShape shape;
    Number number = Number::F32;
    void* x = nullptr;
    void* weights = nullptr;
    void* y = nullptr;
};

/// Nothing where the library has no algorithm for the sizes.
std::optional<Launch> libraryConvolution(Preparation& preparation, const LibraryConvolution& convolution);

void zeroBytes(const Context& context, void* target, int64_t bytes);
void copyBytes(const Context& context, void* target, const void* source, int64_t bytes);

} // namespace gradloom::cuda
