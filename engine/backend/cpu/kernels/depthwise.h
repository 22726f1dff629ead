#pragma once

#include "conv.h"

namespace gradloom::cpu {

// Convolution in which each channel has one filter of its own: groups == c == k. Vectors run over channels,
// since a matrix product with one column would waste them. Same operands and layouts as conv.h, but weights
// are used as stored ([kh, kw, 1, k]): nothing is packed and no scratch is needed. With several filters a
// channel conv.h is faster.

/// Whether these kernels can take the shape.
bool isDepthwise(const ConvShape& shape);

struct DepthwiseArgs
{
    const float* x = nullptr;       ///< [n, h, w, c]
    const float* weights = nullptr; ///< [kh, kw, 1, k]
    Epilogue epilogue;              ///< bias [k]
    float* y = nullptr;             ///< [n, oh, ow, k]
};

/// Units: output rows of all images.
std::int64_t depthwiseUnits(const ConvShape& shape);
void depthwiseForward(
    const ConvShape& shape, const DepthwiseArgs& args, std::int64_t begin, std::int64_t end);

struct DepthwiseDataArgs
{
    const float* dy = nullptr;      ///< [n, oh, ow, k]
    const float* weights = nullptr; ///< [kh, kw, 1, k]
    float* dx = nullptr;            ///< [n, h, w, c], overwritten
};

/// Units: input rows of all images.
std::int64_t depthwiseDataUnits(const ConvShape& shape);
void depthwiseBackwardData(
    const ConvShape& shape, const DepthwiseDataArgs& args, std::int64_t begin, std::int64_t end);

struct DepthwiseWeightArgs
{
    const float* x = nullptr;
    const float* dy = nullptr;
    float* dw = nullptr;     ///< [kh, kw, 1, k]
    float* db = nullptr;     ///< [k] or null
    bool accumulate = false; ///< add to dw and db
};

/// Units: blocks of channels; no partial sums are needed.
std::int64_t depthwiseWeightUnits(const ConvShape& shape);
void depthwiseBackwardWeights(
    const ConvShape& shape, const DepthwiseWeightArgs& args, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
