#include "conv.h"
#include "conv_geometry.h"
#include "pack.h"
#include "tile.h"
#include "winograd.h"

#include <algorithm>

namespace gradloom::cpu {

// Two forms. Gather: for stride 1 the data gradient is itself a convolution of dy with the flipped kernel;
// it wastes work on the zeros around dy. Scatter: each pixel of dy is multiplied by the whole kernel and the
// windows are added into dx; nothing is wasted, but sums are read and written more often. Gather is taken
// where dx is hardly larger than dy ("same" padding).

namespace {

constexpr int64_t blockPixels = 8 * maxTileRows;
constexpr int64_t piecePixels = 2 * blockPixels;

bool gathers(const ConvShape& shape)
{
    const int64_t reachH = shape.dilationH * (shape.kh - 1);
    const int64_t reachW = shape.dilationW * (shape.kw - 1);
    return shape.strideH == 1 && shape.strideW == 1 && shape.padTop <= reachH && shape.padBottom <= reachH &&
           shape.padLeft <= reachW && shape.padRight <= reachW &&
           8 * shape.h * shape.w <= 9 * shape.oh() * shape.ow();
}

/// The convolution from dy to dx of the gather form.
ConvShape gatherShape(const ConvShape& shape)
{
    ConvShape back = shape;
    back.h = shape.oh();
    back.w = shape.ow();
    back.c = shape.k;
    back.k = shape.c;
    back.padTop = shape.dilationH * (shape.kh - 1) - shape.padTop;
    back.padBottom = shape.dilationH * (shape.kh - 1) - shape.padBottom;
    back.padLeft = shape.dilationW * (shape.kw - 1) - shape.padLeft;
    back.padRight = shape.dilationW * (shape.kw - 1) - shape.padRight;
    return back;
}

/// The windows of the scatter form: runs of columns of one product each. Runs shorter than a vector are
/// computed together and then added value by value.
struct ScatterRuns
{
    ConvRuns runs;
    bool narrow;
    int64_t products; ///< separate products: runs, or 1 for all narrow runs together
    int64_t columns;  ///< columns of each product

    explicit ScatterRuns(const ConvShape& shape)
        : runs(shape), narrow(runs.count > 1 && runs.length < tileKernels().lanes),
          products(narrow ? 1 : runs.count), columns(narrow ? runs.count * runs.length : runs.length)
    {
    }
};

/// What one unit of the scatter form writes: rows of some images, counted with their padding.
struct ScatterPiece
{
    int64_t image = 0, images = 0;
    int64_t row = 0, rows = 0;
    float* base = nullptr; ///< first element of the first row: in dx, or in scratch with padding
    int64_t imageStride = 0, rowStride = 0;
};

/// Cuts dx into units: whole images if there are enough of them, else bands of rows.
class ScatterGrid
{
public:
    explicit ScatterGrid(const ConvShape& shape) : m_shape(shape)
    {
        m_height = shape.padTop + shape.h + shape.padBottom;
        m_width = shape.padLeft + shape.w + shape.padRight;
        const int64_t imagePixels = std::max<int64_t>(shape.oh() * shape.ow(), 1);
        m_images = std::clamp<int64_t>(piecePixels / 2 / imagePixels, 1, std::max<int64_t>(shape.n / 8, 1));
        if (m_images == 1) {
            // Bands should be much higher than the kernel, whose overlap is computed for both neighbours'
            // sake with incomplete tiles.
            const int64_t bands = std::max<int64_t>(16 / std::max<int64_t>(shape.n, 1), imagePixels / 4096);
            m_bands = std::clamp<int64_t>(bands, 1, std::max<int64_t>(m_height / 8, 1));
        }
        m_rows = (m_height + m_bands - 1) / m_bands;
        m_bands = (m_height + m_rows - 1) / m_rows;
    }

    int64_t count() const { return (m_shape.n + m_images - 1) / m_images * m_bands; }
    int64_t copySize() const { return m_shape.padded() ? m_images * m_rows * m_width * m_shape.c : 0; }

    ScatterPiece piece(int64_t index, float* dx, float* scratch) const
    {
        ScatterPiece piece;
        piece.image = index / m_bands * m_images;
        piece.images = std::min(m_images, m_shape.n - piece.image);
        piece.row = index % m_bands * m_rows;
        piece.rows = std::min(m_rows, m_height - piece.row);
        piece.rowStride = m_width * m_shape.c;
        if (m_shape.padded()) {
            piece.base = scratch;
            piece.imageStride = piece.rows * piece.rowStride;
        } else {
            piece.imageStride = m_shape.h * piece.rowStride;
            piece.base = dx + piece.image * piece.imageStride + piece.row * piece.rowStride;
        }
        return piece;
    }

private:
    ConvShape m_shape;
    int64_t m_height, m_width;
    int64_t m_images, m_rows;
    int64_t m_bands = 1;
};

/// A range of output rows.
struct RowRange
{
    int64_t begin, end;
    int64_t size() const { return std::max<int64_t>(end - begin, 0); }
};

/// Output rows whose input row through kernel row `tap` lies within the piece.
RowRange rowsInPiece(const ConvShape& shape, const ScatterPiece& piece, int64_t tap)
{
    const int64_t shift = piece.row - tap * shape.dilationH;
    const auto firstAtLeast = [&](int64_t row) {
        return row <= 0 ? 0 : (row + shape.strideH - 1) / shape.strideH;
    };
    return {firstAtLeast(shift), std::min(shape.oh(), firstAtLeast(shift + piece.rows))};
}

/// Pointers of a block of pixels of dy and of the windows they are added to.
struct ScatterBlock
{
    const float* rows[blockPixels];
    float* windows[blockPixels]; ///< window of the pixel in dx, kernel row 0
    int64_t outputRow[blockPixels];
    int64_t count;
};

void fillBlock(const ConvShape& shape, const ScatterPiece& piece, const float* dy, const RowRange& range,
    int64_t firstPixel, int64_t count, ScatterBlock& block)
{
    const int64_t ow = shape.ow();
    const int64_t pixelStep = shape.strideW * shape.c;
    int64_t column = firstPixel % ow;
    int64_t row = firstPixel / ow % range.size();
    int64_t image = firstPixel / ow / range.size();
    block.count = count;
    for (int64_t i = 0; i < count; column = 0) {
        const int64_t outputRow = range.begin + row;
        const float* from = dy + (((piece.image + image) * shape.oh() + outputRow) * ow + column) * shape.k;
        float* window = piece.base + image * piece.imageStride +
                        (outputRow * shape.strideH - piece.row) * piece.rowStride + column * pixelStep;
        const int64_t last = i + std::min(count - i, ow - column);
        for (; i < last; ++i, from += shape.k, window += pixelStep) {
            block.rows[i] = from;
            block.windows[i] = window;
            block.outputRow[i] = outputRow;
        }
        if (++row == range.size()) {
            row = 0;
            ++image;
        }
    }
}

/// Adds the narrow runs of a block from `sums` [count, columns].
void addNarrow(const ConvShape& shape, const ScatterPiece& piece, const ScatterRuns& scatter,
    const ScatterBlock& block, const float* sums, int64_t channel)
{
    for (int64_t i = 0; i < block.count; ++i)
        for (int64_t run = 0; run < scatter.runs.count; ++run) {
            const int64_t tapRow = run / scatter.runs.perRow;
            const int64_t row = block.outputRow[i] * shape.strideH + tapRow * shape.dilationH - piece.row;
            if (row < 0 || row >= piece.rows)
                continue;
            float* to = block.windows[i] + scatter.runs.offset(shape, run, piece.rowStride) + channel;
            const float* from = sums + i * scatter.columns + run * scatter.runs.length;
            for (int64_t j = 0; j < scatter.runs.length; ++j)
                to[j] += from[j];
        }
}

/// Multiplies a block by the filters of `group` for one product and adds the result.
void scatterBlock(const ConvShape& shape, const ConvDataArgs& args, const ScatterPiece& piece,
    const ScatterRuns& scatter, int64_t group, int64_t product, ScatterBlock& block, float* sums)
{
    const TileKernels& kernels = tileKernels();
    const int64_t depth = shape.groupK();
    const float* packed =
        args.packed + (group * scatter.products + product) * kernels.packedSize(depth, scatter.columns);
    const float* rows[blockPixels];
    float* targets[blockPixels];
    const int64_t start = 0;
    TileCall call;
    call.rows = rows;
    call.rowCount = block.count;
    call.segmentOffsets = &start;
    call.segmentCount = 1;
    call.segmentLength = depth;
    for (int64_t i = 0; i < block.count; ++i)
        rows[i] = block.rows[i] + group * depth;
    const int64_t shift =
        (scatter.narrow ? 0 : scatter.runs.offset(shape, product, piece.rowStride)) + group * shape.groupC();
    for (int64_t column = 0; column < scatter.columns; column += kernels.width) {
        call.columns = std::min<int64_t>(kernels.width, scatter.columns - column);
        call.ldb = kernels.panelColumns(call.columns);
        call.b = packed + column * depth;
        if (scatter.narrow) {
            call.c = sums + column;
            call.ldc = scatter.columns;
        } else {
            for (int64_t i = 0; i < block.count; ++i)
                targets[i] = block.windows[i] + shift + column;
            call.cRows = targets;
            call.accumulate = true;
        }
        kernels.run(call);
    }
    if (scatter.narrow)
        addNarrow(shape, piece, scatter, block, sums, group * shape.groupC());
}

/// Output rows that a product must visit.
RowRange rangeOf(
    const ConvShape& shape, const ScatterPiece& piece, const ScatterRuns& scatter, int64_t product)
{
    if (!scatter.narrow)
        return rowsInPiece(shape, piece, product / scatter.runs.perRow);
    return {rowsInPiece(shape, piece, shape.kh - 1).begin, rowsInPiece(shape, piece, 0).end};
}

/// Takes the piece's rows out of their padding and finishes them.
void finishPiece(const ConvShape& shape, const ConvDataArgs& args, const ScatterPiece& piece)
{
    if (args.epilogue.plain() && !shape.padded())
        return;
    const int64_t rowSize = shape.w * shape.c;
    for (int64_t i = 0; i < piece.images; ++i)
        for (int64_t r = 0; r < piece.rows; ++r) {
            const int64_t row = piece.row + r - shape.padTop;
            if (row < 0 || row >= shape.h)
                continue;
            float* to = args.dx + ((piece.image + i) * shape.h + row) * rowSize;
            const float* from =
                piece.base + i * piece.imageStride + r * piece.rowStride + shape.padLeft * shape.c;
            if (to != from)
                std::copy_n(from, rowSize, to);
            applyEpilogue(to, shape.w, shape.c, args.epilogue);
        }
}

void scatterPiece(const ConvShape& shape, const ConvDataArgs& args, const ScatterPiece& piece, float* sums)
{
    for (int64_t i = 0; i < piece.images; ++i)
        std::fill_n(piece.base + i * piece.imageStride, piece.rows * piece.rowStride, 0.0F);
    const ScatterRuns scatter(shape);
    ScatterBlock block;
    for (int64_t product = 0; product < scatter.products; ++product) {
        const RowRange range = rangeOf(shape, piece, scatter, product);
        const int64_t pixels = piece.images * range.size() * shape.ow();
        for (int64_t pixel = 0; pixel < pixels; pixel += blockPixels) {
            fillBlock(shape, piece, args.dy, range, pixel, std::min(blockPixels, pixels - pixel), block);
            for (int64_t group = 0; group < shape.groups; ++group)
                scatterBlock(shape, args, piece, scatter, group, product, block, sums);
        }
    }
    finishPiece(shape, args, piece);
}

} // namespace

int64_t convDataPackedSize(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradDataPackedSize(shape);
    if (gathers(shape))
        return convPackedSize(gatherShape(shape));
    const ScatterRuns scatter(shape);
    return shape.groups * scatter.products * tileKernels().packedSize(shape.groupK(), scatter.columns);
}

int64_t convDataPackUnits(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradDataPackUnits(shape);
    if (gathers(shape))
        return convPackUnits(gatherShape(shape));
    return shape.groups * ScatterRuns(shape).products;
}

void convDataPack(const ConvShape& shape, const float* weights, float* packed, int64_t begin, int64_t end)
{
    if (shape.winograd)
        return winogradDataPack(shape, weights, packed, begin, end);
    const TileKernels& kernels = tileKernels();
    if (gathers(shape)) {
        const int64_t taps = shape.kh * shape.kw;
        const GemmOperand tap{shape.groupK(), shape.groupC(), shape.k, true};
        const int64_t panels = kernels.panels(tap.n);
        for (int64_t unit = begin; unit < end; ++unit) {
            const int64_t group = unit / panels;
            const int64_t column = unit % panels * kernels.width;
            const int64_t width = kernels.panelColumns(tap.n - column);
            float* to = packed + group * kernels.packedSize(taps * tap.k, tap.n) + column * taps * tap.k;
            for (int64_t t = taps - 1; t >= 0; --t, to += tap.k * width)
                packPanel(tap, weights + t * tap.n * shape.k + group * tap.k, column, width, to);
        }
        return;
    }
    const ScatterRuns scatter(shape);
    const GemmOperand operand{shape.groupK(), scatter.columns, shape.k, true};
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t group = unit / scatter.products;
        const int64_t product = unit % scatter.products;
        gemmPack(operand, weights + product * operand.n * shape.k + group * operand.k,
            packed + unit * kernels.packedSize(operand.k, operand.n), 0, kernels.panels(operand.n));
    }
}

int64_t convDataScratch(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradDataScratch(shape);
    if (gathers(shape))
        return convForwardScratch(gatherShape(shape));
    const ScatterRuns scatter(shape);
    return ScatterGrid(shape).copySize() + (scatter.narrow ? blockPixels * scatter.columns : 0);
}

int64_t convDataUnits(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradDataUnits(shape);
    return gathers(shape) ? convForwardUnits(gatherShape(shape)) : ScatterGrid(shape).count();
}

void convBackwardData(const ConvShape& shape, const ConvDataArgs& args, int64_t begin, int64_t end)
{
    if (shape.winograd)
        return winogradBackwardData(shape, args, begin, end);
    if (gathers(shape)) {
        convForward(
            gatherShape(shape), {args.dy, args.packed, args.epilogue, args.dx, args.scratch}, begin, end);
        return;
    }
    const ScatterGrid grid(shape);
    for (int64_t unit = begin; unit < end; ++unit)
        scatterPiece(shape, args, grid.piece(unit, args.dx, args.scratch), args.scratch + grid.copySize());
}

} // namespace gradloom::cpu
