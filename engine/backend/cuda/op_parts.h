#pragma once

#include "engine/backend/cuda/functors/copy.h"
#include "engine/backend/cuda/functors/random.h"
#include "engine/backend/cuda/library.h"

#include <array>

/// Parts that several operations on the GPU are made of.
namespace gradloom::cuda {

bool hasRelu(const Preparation& preparation);

/// Extents of a convolution's weights.
struct ConvolutionKernel
{
    int64_t height, width, filters;
};
/// Sizes of the convolution over `x` (N×H×W×C).
WindowShape convolutionShape(const ir::Op& op, const Shape& x, const ConvolutionKernel& kernel);
/// Sizes of the pooling over `x` (N×H×W×C).
WindowShape poolingShape(const ir::Op& op, const Shape& x);
/// Sizes of a change from `x` to `y` (N×H×W×C).
WindowShape resizeShape(const Shape& x, const Shape& y);

/// Counter and stream of a random operation.
RandomSource randomSource(const Preparation& preparation, size_t counter);

/// Copies `extents` elements between two layouts.
struct CopyLayout
{
    Shape extents;
    std::array<int64_t, Shape::maxRank> sourceStride{};
    std::array<int64_t, Shape::maxRank> targetStride{};
    const uint32_t* source = nullptr;
    uint32_t* target = nullptr;
};
void addCopy(Preparation& preparation, const CopyLayout& layout);

/// One code for every element.
void addPointwise(Preparation& preparation, const ir::PointwiseCode& code);
/// One code for every element of some rows of tables; operands as in engine/ir/ops/pointwise_rows.cpp.
void addPointwiseRows(Preparation& preparation, const ir::PointwiseCode& code);

/// y [outer, inner] from x [outer, reduce, inner].
struct ReduceCall
{
    const float* x = nullptr;
    float* y = nullptr;
    int64_t outer = 1, reduce = 1, inner = 1;
    bool max = false;
    float scale = 1;
};
void addReduction(Preparation& preparation, const ReduceCall& call);

/// Whether rows of so many numbers can be read and written four at once.
bool fitsFour(int64_t columns, std::initializer_list<const void*> addresses);

/// A product in the precision of the settings; operands are converted where it needs that.
void addProduct(Preparation& preparation, MatrixProduct product);

/// A convolution or one of its adjoints: by cuDNN, or directly where there is one channel a group or no
/// algorithm. Weights are kh×kw×C/groups×K. The result of a pass is written, the other two are read.
struct ConvolutionCall
{
    ConvolutionPass pass = ConvolutionPass::Forward;
    WindowShape shape;
    float* x = nullptr;
    float* weights = nullptr;
    float* y = nullptr;
    const float* bias = nullptr; ///< of the result; not for Weights
    bool relu = false;
};
void addConvolution(Preparation& preparation, const ConvolutionCall& call);

/// Attention and its adjoint; operands as in engine/ir/ops: q, k, v, mask and counter are the first five of
/// both.
struct AttentionShape;
AttentionShape attentionShape(const Preparation& preparation);
void addAttention(Preparation& preparation);
void addAttentionBackward(Preparation& preparation);

/// The recurrent primitives, which differ in their cell only; operands as in engine/ir/recurrent.h.
void addRecurrent(Preparation& preparation);
void addRecurrentBackward(Preparation& preparation);

} // namespace gradloom::cuda
