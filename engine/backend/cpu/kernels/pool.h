#pragma once

#include <cstdint>

namespace gradloom::cpu {

/// Sizes of a 2-D pooling over [n, h, w, c].
struct PoolShape
{
    std::int64_t n = 0, h = 0, w = 0, c = 0;
    std::int64_t kh = 2, kw = 2;
    std::int64_t strideH = 2, strideW = 2;
    std::int64_t padTop = 0, padLeft = 0, padBottom = 0, padRight = 0;

    std::int64_t oh() const { return (h + padTop + padBottom - kh) / strideH + 1; }
    std::int64_t ow() const { return (w + padLeft + padRight - kw) / strideW + 1; }
};

// Max pooling. Padding never wins. The first maximum in row order wins, a NaN wins over numbers, as in
// PyTorch. The index of the winner within its window (row * kw + column) is kept for the gradient, one byte
// each for windows of up to 256 elements and otherwise four. Units: output rows of all images forward,
// blocks of channels of all images backward.

/// Bytes of one index: 1 or 4.
int maxPoolIndexBytes(const PoolShape& shape);

struct MaxPoolArgs
{
    const float* x = nullptr; ///< [n, h, w, c]
    float* y = nullptr;       ///< [n, oh, ow, c]
    void* index = nullptr;    ///< [n, oh, ow, c] of maxPoolIndexBytes each; null where no gradient follows
};

std::int64_t maxPoolUnits(const PoolShape& shape);
void maxPool(const PoolShape& shape, const MaxPoolArgs& args, std::int64_t begin, std::int64_t end);

struct MaxPoolGradArgs
{
    const float* dy = nullptr;   ///< [n, oh, ow, c]
    const void* index = nullptr; ///< from maxPool
    /// The pooled output where a ReLU stands directly before the pooling: gradients of outputs that are not
    /// above 0 are dropped, which is the ReLU's gradient too. Null otherwise.
    const float* reluOutput = nullptr;
    float* dx = nullptr; ///< [n, h, w, c], overwritten
};

std::int64_t maxPoolGradUnits(const PoolShape& shape);
void maxPoolGrad(const PoolShape& shape, const MaxPoolGradArgs& args, std::int64_t begin, std::int64_t end);

// Average pooling. countPadding false divides by the number of real elements in the window (Keras "same"),
// true by kh * kw (PyTorch's default). Units as for max pooling.

std::int64_t averagePoolUnits(const PoolShape& shape);
void averagePool(const PoolShape& shape, bool countPadding, const float* x, float* y, std::int64_t begin,
    std::int64_t end);
std::int64_t averagePoolGradUnits(const PoolShape& shape);
void averagePoolGrad(const PoolShape& shape, bool countPadding, const float* dy, float* dx,
    std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
