#pragma once

#include "conv.h"

#include <cstdint>
#include <string>

namespace gradloom::cpu {

// Winograd convolution F(4x4, 3x3) for 3 x 3 kernels with stride 1 (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2016): every tile of 4 x 4 output pixels costs 36 products of channels and
// filters instead of 144. Kernels of 3 x 3 and 4 x 4 with stride 2 are four kernels of 2 x 2 on the even and
// odd rows and columns of the input, to which F(4x4, 2x2) applies: 100 products instead of 256 (or 144). With
// B, G and A the transforms of input, kernel and output,
//
//   V = B^T x B      U = G w G^T      y = A^T (V U) A      for each tile, V U being 36 matrix products
//
// The gradients use the adjoint of the same algorithm, on the same tiles: D = A dy A^T, then
// dx = sum of B (D U^T) B^T over the overlapping tiles, dw = G^T (sum of V^T D over the tiles) G.
//
// Sides that 4 does not divide are cut into tiles of two neighbouring sizes (7 is 4 + 3, 13 is 4 + 3 + 3 +
// 3): a tile of m pixels has m + taps - 1 points a side, a prefix of those of the largest tile, and what of U
// is common to both serves both. 7 x 7 pixels cost 81 / 100 of the products of four tiles of 4 x 4.
//
// The interpolation points are infinity, 0, +-5/8 and +-3/2 for 3 taps, infinity, 0, +-3/4 and 2 for 2. They
// are exact in binary and halve the rounding error of the usual 0, +-1, +-2 (relative RMS error 8e-7 instead
// of 1.9e-6 over 64 channels).

/// What a convolution can be computed with.
enum class ConvAlgorithm {
    Automatic, ///< by a fixed rule for each shape, so that one seed gives the same bits
    Direct,
    Winograd, ///< wherever it is possible
};

/// Forces an algorithm for convolutions that are prepared from now on: for tests and benchmarks.
void forceConvAlgorithm(ConvAlgorithm algorithm);

/// Whether this convolution and its gradients are to be computed with Winograd's algorithm.
bool prefersWinograd(const ConvShape& shape);

/// As it is usually written, with the size of the largest tile: "F(4×4, 3×3)".
std::string winogradName(const ConvShape& shape);

// The same functions as in conv.h, which calls them where ConvShape::winograd is set.

std::int64_t winogradPackedSize(const ConvShape& shape);
std::int64_t winogradPackUnits(const ConvShape& shape);
void winogradPack(
    const ConvShape& shape, const float* weights, float* packed, std::int64_t begin, std::int64_t end);
std::int64_t winogradForwardScratch(const ConvShape& shape);
std::int64_t winogradForwardUnits(const ConvShape& shape);
void winogradForward(
    const ConvShape& shape, const ConvForwardArgs& args, std::int64_t begin, std::int64_t end);

std::int64_t winogradDataPackedSize(const ConvShape& shape);
std::int64_t winogradDataPackUnits(const ConvShape& shape);
void winogradDataPack(
    const ConvShape& shape, const float* weights, float* packed, std::int64_t begin, std::int64_t end);
std::int64_t winogradDataScratch(const ConvShape& shape);
std::int64_t winogradDataUnits(const ConvShape& shape);
void winogradBackwardData(
    const ConvShape& shape, const ConvDataArgs& args, std::int64_t begin, std::int64_t end);

ConvWeightSplit winogradWeightSplit(const ConvShape& shape, int threads);
std::int64_t winogradWeightPartials(const ConvShape& shape, const ConvWeightSplit& split);
std::int64_t winogradWeightScratch(const ConvShape& shape);
void winogradBackwardWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    std::int64_t begin, std::int64_t end);
// Both gradients of one convolution at once: dy is transformed once for the two. Units are the parts of the batch,
// of which each takes some images; the weight gradient's copies are reduced as above.

struct WinogradGradientArgs
{
    const float* x = nullptr;      ///< [n, h, w, c]
    const float* dy = nullptr;     ///< [n, oh, ow, k]
    const float* packed = nullptr; ///< from winogradDataPack
    float* dx = nullptr;           ///< [n, h, w, c], overwritten
    float* partials = nullptr;     ///< winogradWeightPartials floats, shared by all calls
    float* scratch = nullptr;      ///< winogradGradientsScratch floats of this call's own
};

/// Whether that is faster than one after the other: where each thread has a part with images enough.
bool prefersJoinedGradients(const ConvShape& shape, int threads);
std::int64_t winogradGradientsScratch(const ConvShape& shape);
/// Executes units [begin, end) of split.parts; split.slices must be 1.
void winogradGradients(const ConvShape& shape, const ConvWeightSplit& split, const WinogradGradientArgs& args,
    std::int64_t begin, std::int64_t end);

std::int64_t winogradReduceUnits(const ConvShape& shape);
void winogradReduceWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
