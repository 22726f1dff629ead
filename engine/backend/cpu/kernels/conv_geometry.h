#pragma once

#include "conv.h"

#include <cstdint>

namespace gradloom::cpu {

// How convolutions cut their images: shared by forward and both gradients.

/// A piece of the batch that is worked on at once. Its output pixels are contiguous in memory. Without
/// padding it is any range of pixels of the whole batch; with padding it is some whole images, or some output
/// rows of one image, whose input is copied.
struct ConvPiece
{
    int64_t image = 0;  ///< first image
    int64_t images = 1; ///< number of images; 1 unless `rows` covers the whole image
    int64_t row = 0;    ///< first output row
    int64_t rows = 0;   ///< number of output rows
    int64_t begin = 0;  ///< the piece's pixels, counted from the first pixel of the first row above
    int64_t end = 0;

    /// The piece's first pixel, counted in the batch.
    int64_t firstPixel(const ConvShape& shape) const
    {
        return (image * shape.oh() + row) * shape.ow() + begin;
    }
};

/// Pieces of about `pixels` output pixels, or less, so that there are `minCount` where the batch allows it.
class ConvPieces
{
public:
    ConvPieces(const ConvShape& shape, int64_t pixels, int64_t minCount);

    int64_t count() const { return m_count; }
    ConvPiece piece(int64_t index) const;
    /// Floats of the padded copy of the largest piece; 0 without padding.
    int64_t copySize() const;

private:
    ConvShape m_shape;
    int64_t m_pixels = 0;    ///< without padding: pixels in a piece
    int64_t m_images = 0;    ///< with padding: images in a piece
    int64_t m_rows = 0;      ///< output rows in a piece
    int64_t m_rowBlocks = 1; ///< pieces in an image
    int64_t m_count = 0;
};

/// Where the windows of a piece's pixels are found.
struct ConvView
{
    const float* base = nullptr; ///< window of the first pixel of the first row
    int64_t imageStride = 0;     ///< from the window of a pixel to that of the same pixel one image on
    int64_t rowStride = 0;       ///< one input row on
};

/// The piece's input itself, or with padding its copy in `scratch` with zeros around it.
ConvView viewPiece(const ConvShape& shape, const ConvPiece& piece, const float* x, float* scratch);

/// Writes the offsets, relative to the view's base, of the windows of the piece's pixels [begin, begin +
/// count), counted like ConvPiece::begin.
void pixelOffsets(const ConvShape& shape, const ConvPiece& piece, const ConvView& view, int64_t begin,
    int64_t count, int64_t* offsets);

/// The runs of contiguous values that a window consists of: a kernel row, or single taps where dilation or
/// groups tear it apart.
struct ConvRuns
{
    int64_t count = 0;  ///< kh or kh * kw
    int64_t length = 0; ///< kw * c or c / groups
    int64_t perRow = 1; ///< runs in a kernel row
    explicit ConvRuns(const ConvShape& shape);
    /// Offset of a run from the window's start, for images with the given row stride.
    int64_t offset(const ConvShape& shape, int64_t run, int64_t rowStride) const;
};

/// Finishes `pixels` pixels of `channels` values in place.
void applyEpilogue(float* values, int64_t pixels, int64_t channels, const Epilogue& epilogue);

/// Carves `count` aligned 64-bit integers from scratch memory and moves it on.
int64_t* takeIntegers(float*& scratch, int64_t count);
/// Floats that takeIntegers uses up at most.
inline int64_t integersSize(int64_t count)
{
    return 2 * count + 1;
}

} // namespace gradloom::cpu
