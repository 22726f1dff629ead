#pragma once

#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernels/attention.h"
#include "engine/backend/cpu/kernels/batch_norm.h"
#include "engine/backend/cpu/kernels/conv.h"
#include "engine/backend/cpu/kernels/pool.h"
#include "engine/backend/cpu/kernels/random.h"
#include "engine/backend/cpu/kernels/winograd.h"

/// From the options of primitives to the shapes of kernels.
namespace gradloom::cpu {

/// Bias (null where absent) and the fused activation.
Epilogue epilogueOf(const Preparation& preparation, const float* bias);

/// The convolution with input `x` (N×H×W×C) and `weights` (kh×kw×C/groups×K).
ConvShape convShapeOf(const ir::Op& op, const Shape& x, const Shape& weights);

/// The pooling over `x` (N×H×W×C).
PoolShape poolShapeOf(const ir::Op& op, const Shape& x);

/// Reads the key of a random operation when it runs: seed and step from its operand `counter`, the option `stream`.
std::function<RandomKey()> randomKeyOf(const Preparation& preparation, size_t counter, int64_t first = 0);

/// Floating point operations of one pass of the convolution.
double convWork(const ConvShape& shape);

/// Adds the phases that take mean and biased variance of the channels of x.
struct BatchStatistics
{
    float* mean;     ///< [c]
    float* variance; ///< [c]
};
void addBatchStatistics(
    Preparation& preparation, const BatchNormShape& shape, const float* x, const BatchStatistics& to);

/// What attention and its adjoint have in common: q, k, v, mask and counter are the first five operands of both.
AttentionShape attentionShapeOf(const Preparation& preparation);
/// Without the dropout's key and the scratch memory.
AttentionOperands attentionOperandsOf(const Preparation& preparation);
/// Floating point operations of the products and exponentials of one pass.
double attentionWork(const AttentionShape& shape);

/// What a convolution without groups of single channels is computed with, for people.
std::string convKernelName(const ConvShape& shape);

/// Rows and columns of the microkernel's tile in use, for people: "6×16".
std::string tileName();

} // namespace gradloom::cpu
