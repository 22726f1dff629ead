#pragma once

#include "batch_norm.h"
#include "epilogue.h"

#include <cstdint>

namespace gradloom::cpu {

// Direct 2-D convolution, NHWC, weights HWIO. There is no im2col buffer: the microkernel of gemm takes a
// pointer per output pixel and runs over the contiguous window of kw * c values of each kernel row. Images
// with padding are first copied, a few rows or images at a time, into scratch with a rim of zeros.

/// Sizes of a convolution. A transposed convolution is described by the convolution whose data gradient it
/// is: its input is `dy`, its output `dx`.
struct ConvShape
{
    std::int64_t n = 0;          ///< images
    std::int64_t h = 0;          ///< input rows
    std::int64_t w = 0;          ///< input columns
    std::int64_t c = 0;          ///< input channels
    std::int64_t k = 0;          ///< filters (output channels)
    std::int64_t kh = 1, kw = 1; ///< kernel rows and columns
    std::int64_t strideH = 1, strideW = 1;
    std::int64_t dilationH = 1, dilationW = 1;
    std::int64_t padTop = 0, padLeft = 0, padBottom = 0, padRight = 0;
    std::int64_t groups = 1; ///< divides c and k; group g joins channels and filters of the g-th part
    bool winograd = false;   ///< compute with Winograd's algorithm, see winograd.h

    /// Output rows: floor((h + padTop + padBottom - dilationH * (kh - 1) - 1) / strideH) + 1.
    std::int64_t oh() const { return (h + padTop + padBottom - dilationH * (kh - 1) - 1) / strideH + 1; }
    /// Output columns, likewise.
    std::int64_t ow() const { return (w + padLeft + padRight - dilationW * (kw - 1) - 1) / strideW + 1; }
    std::int64_t groupC() const { return c / groups; }
    std::int64_t groupK() const { return k / groups; }
    bool padded() const { return (padTop | padLeft | padBottom | padRight) != 0; }
    /// Elements of the weights.
    std::int64_t weightSize() const { return kh * kw * groupC() * k; }
};

// Forward: y[n, oh, ow, k] = epilogue(x * w).

/// Floats of the packed weights.
std::int64_t convPackedSize(const ConvShape& shape);
std::int64_t convPackUnits(const ConvShape& shape);
/// Packs the weights [kh, kw, c / groups, k], once a training step.
void convPack(
    const ConvShape& shape, const float* weights, float* packed, std::int64_t begin, std::int64_t end);

struct ConvForwardArgs
{
    const float* x = nullptr;      ///< [n, h, w, c]
    const float* packed = nullptr; ///< from convPack
    Epilogue epilogue;             ///< bias [k]
    float* y = nullptr;            ///< [n, oh, ow, k]
    float* scratch = nullptr;      ///< convForwardScratch floats of this call's own
    float* moments = nullptr;      ///< momentsSize(k) floats for each unit: of its pixels (batch_norm.h); or null

    float* momentsOf(std::int64_t unit, std::int64_t filters) const
    {
        return moments == nullptr ? nullptr : moments + unit * momentsSize(filters);
    }
};

std::int64_t convForwardScratch(const ConvShape& shape);
std::int64_t convForwardUnits(const ConvShape& shape);
void convForward(const ConvShape& shape, const ConvForwardArgs& args, std::int64_t begin, std::int64_t end);

// Data gradient: dx[n, h, w, c] = epilogue(dy * w^T). With an epilogue it is the forward pass of a
// transposed convolution (bias and activation belong to the channels c then).

/// Floats of the packed weights of the data gradient (another layout than the forward pass's).
std::int64_t convDataPackedSize(const ConvShape& shape);
std::int64_t convDataPackUnits(const ConvShape& shape);
void convDataPack(
    const ConvShape& shape, const float* weights, float* packed, std::int64_t begin, std::int64_t end);

struct ConvDataArgs
{
    const float* dy = nullptr;     ///< [n, oh, ow, k]
    const float* packed = nullptr; ///< from convDataPack
    Epilogue epilogue;             ///< bias [c]
    float* dx = nullptr;           ///< [n, h, w, c], overwritten
    float* scratch = nullptr;      ///< convDataScratch floats of this call's own
};

std::int64_t convDataScratch(const ConvShape& shape);
std::int64_t convDataUnits(const ConvShape& shape);
void convBackwardData(const ConvShape& shape, const ConvDataArgs& args, std::int64_t begin, std::int64_t end);

// Weight gradient: dw[kh, kw, c / groups, k] (+)= x^T * dy, db[k] (+)= column sums of dy.
//
// The work is a grid of `parts` shares of the batch times `slices` of the weight rows. Each part sums into
// a copy of the gradient of its own; convReduceWeights then adds the copies in order. With parts == 1
// convBackwardWeights writes dw and db itself and convReduceUnits is 0.

struct ConvWeightSplit
{
    std::int64_t parts = 1;  ///< shares of the batch
    std::int64_t slices = 1; ///< shares of the rows kh * kw * c of the gradient
    std::int64_t units() const { return parts * slices; }
};

/// A split that keeps `threads` threads busy. The result's bits depend on the split.
ConvWeightSplit convWeightSplit(const ConvShape& shape, int threads);

struct ConvWeightArgs
{
    const float* x = nullptr;  ///< [n, h, w, c]
    const float* dy = nullptr; ///< [n, oh, ow, k]
    float* dw = nullptr;       ///< [kh, kw, c / groups, k]
    float* db = nullptr;       ///< [k], or null where no bias gradient is wanted
    bool accumulate = false;   ///< add to dw and db instead of overwriting them
    float* partials = nullptr; ///< convWeightPartials floats, shared by all calls
    float* scratch = nullptr;  ///< convWeightScratch floats of this call's own
};

/// Floats of the copies of the gradient for the split; 0 for one part.
std::int64_t convWeightPartials(const ConvShape& shape, const ConvWeightSplit& split);
std::int64_t convWeightScratch(const ConvShape& shape);
/// Executes units [begin, end) of split.units().
void convBackwardWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    std::int64_t begin, std::int64_t end);
/// Units of the reduction, to run when all units above have finished.
std::int64_t convReduceUnits(const ConvShape& shape, const ConvWeightSplit& split);
void convReduceWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
