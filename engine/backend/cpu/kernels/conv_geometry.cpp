#include "conv_geometry.h"

#include "tile.h"

#include <algorithm>

namespace gradloom::cpu {

namespace {

int64_t divideUp(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/// Input rows that `rows` output rows reach.
int64_t reachedRows(const ConvShape& shape, int64_t rows)
{
    return (rows - 1) * shape.strideH + shape.dilationH * (shape.kh - 1) + 1;
}

int64_t paddedWidth(const ConvShape& shape)
{
    return shape.w + shape.padLeft + shape.padRight;
}

/// Copies `rows` rows of one image, starting at `row` counted from the top of the padding.
void copyPadded(const ConvShape& shape, const float* image, int64_t row, int64_t rows, float* to)
{
    const int64_t rowSize = shape.w * shape.c;
    const int64_t left = shape.padLeft * shape.c;
    const int64_t right = shape.padRight * shape.c;
    for (int64_t r = row - shape.padTop; r < row - shape.padTop + rows; ++r) {
        if (r < 0 || r >= shape.h) {
            to = std::fill_n(to, left + rowSize + right, 0.0F);
            continue;
        }
        to = std::fill_n(to, left, 0.0F);
        to = std::copy_n(image + r * rowSize, rowSize, to);
        to = std::fill_n(to, right, 0.0F);
    }
}

} // namespace

ConvPieces::ConvPieces(const ConvShape& shape, int64_t pixels, int64_t minCount) : m_shape(shape)
{
    const int64_t oh = shape.oh();
    const int64_t ow = shape.ow();
    const int64_t share = divideUp(shape.n * oh * ow, minCount);
    if (!shape.padded()) {
        m_pixels = std::clamp<int64_t>(divideUp(share, maxTileRows) * maxTileRows, maxTileRows, pixels);
        m_count = divideUp(shape.n * oh * ow, m_pixels);
        return;
    }
    // Not below a few tiles: the last tile of each piece may be incomplete.
    const int64_t wanted = std::clamp<int64_t>(share, 4 * maxTileRows, pixels);
    m_rowBlocks = divideUp(oh, std::min(oh, divideUp(wanted, ow)));
    m_rows = divideUp(oh, m_rowBlocks);
    m_rowBlocks = divideUp(oh, m_rows);
    m_images =
        m_rowBlocks > 1 ? 1 : std::clamp<int64_t>(wanted / (oh * ow), 1, std::max<int64_t>(shape.n, 1));
    m_count = divideUp(shape.n, m_images) * m_rowBlocks;
}

ConvPiece ConvPieces::piece(int64_t index) const
{
    ConvPiece piece;
    if (!m_shape.padded()) {
        piece.images = m_shape.n;
        piece.rows = m_shape.oh();
        piece.begin = index * m_pixels;
        piece.end = std::min(piece.begin + m_pixels, m_shape.n * m_shape.oh() * m_shape.ow());
        return piece;
    }
    piece.image = index / m_rowBlocks * m_images;
    piece.images = std::min(m_images, m_shape.n - piece.image);
    piece.row = index % m_rowBlocks * m_rows;
    piece.rows = std::min(m_rows, m_shape.oh() - piece.row);
    piece.end = piece.images * piece.rows * m_shape.ow();
    return piece;
}

int64_t ConvPieces::copySize() const
{
    return m_shape.padded() ? m_images * reachedRows(m_shape, m_rows) * paddedWidth(m_shape) * m_shape.c : 0;
}

ConvView viewPiece(const ConvShape& shape, const ConvPiece& piece, const float* x, float* scratch)
{
    const int64_t imageSize = shape.h * shape.w * shape.c;
    const int64_t firstRow = piece.row * shape.strideH;
    if (!shape.padded()) {
        const int64_t rowStride = shape.w * shape.c;
        return {x + piece.image * imageSize + firstRow * rowStride, imageSize, rowStride};
    }
    const int64_t rows = reachedRows(shape, piece.rows);
    const int64_t rowStride = paddedWidth(shape) * shape.c;
    for (int64_t i = 0; i < piece.images; ++i)
        copyPadded(shape, x + (piece.image + i) * imageSize, firstRow, rows, scratch + i * rows * rowStride);
    return {scratch, rows * rowStride, rowStride};
}

void pixelOffsets(const ConvShape& shape, const ConvPiece& piece, const ConvView& view, int64_t begin,
    int64_t count, int64_t* offsets)
{
    const int64_t ow = shape.ow();
    const int64_t pixelStride = shape.strideW * shape.c;
    int64_t column = begin % ow;
    int64_t row = begin / ow % piece.rows;
    int64_t image = begin / ow / piece.rows;
    while (count > 0) {
        const int64_t run = std::min(count, ow - column);
        int64_t offset =
            image * view.imageStride + row * shape.strideH * view.rowStride + column * pixelStride;
        for (int64_t i = 0; i < run; ++i, offset += pixelStride)
            *offsets++ = offset;
        count -= run;
        column = 0;
        if (++row == piece.rows) {
            row = 0;
            ++image;
        }
    }
}

ConvRuns::ConvRuns(const ConvShape& shape)
{
    const bool whole = shape.groups == 1 && (shape.dilationW == 1 || shape.kw == 1);
    perRow = whole ? 1 : shape.kw;
    count = shape.kh * perRow;
    length = whole ? shape.kw * shape.c : shape.groupC();
}

int64_t ConvRuns::offset(const ConvShape& shape, int64_t run, int64_t rowStride) const
{
    return run / perRow * shape.dilationH * rowStride + run % perRow * shape.dilationW * shape.c;
}

void applyEpilogue(float* row, int64_t pixels, int64_t channels, const Epilogue& epilogue)
{
    if (epilogue.plain())
        return;
    for (int64_t p = 0; p < pixels; ++p, row += channels)
        for (int64_t c = 0; c < channels; ++c) {
            const float v = row[c] + (epilogue.bias != nullptr ? epilogue.bias[c] : 0.0F);
            if (v < 0.0F && epilogue.activation != Activation::None)
                row[c] = epilogue.activation == Activation::Relu ? 0.0F : epilogue.slope * v;
            else
                row[c] = v;
        }
}

int64_t* takeIntegers(float*& scratch, int64_t count)
{
    if (reinterpret_cast<uintptr_t>(scratch) % alignof(int64_t) != 0)
        ++scratch;
    auto* integers = reinterpret_cast<int64_t*>(scratch);
    scratch += 2 * count;
    return integers;
}

} // namespace gradloom::cpu
