#include "conv.h"
#include "conv_geometry.h"
#include "tile.h"
#include "winograd.h"

#include <algorithm>

namespace gradloom::cpu {

// The weight gradient is a product whose rows are the values of a window, whose columns are the filters and
// whose summed dimension are the pixels: the microkernel gets a pointer per value of the window and a table
// with the offset of each pixel; rows of dy are its B as they lie in memory.

namespace {

/// Pixels summed in registers before the sums go to memory. They and their dy stay in cache for all rows.
constexpr int64_t blockPixels = 256;
constexpr int64_t piecePixels = blockPixels;
/// Rows of the gradient in one call of the microkernel.
constexpr int64_t rowBlock = 8 * maxTileRows;

/// The share of the gradient and of the batch that a unit works on.
struct WeightTask
{
    int64_t rowBegin = 0, rowEnd = 0; ///< rows of kh * kw * c / groups
    bool bias = false;
    float* dw = nullptr;
    float* db = nullptr;
};

/// Rows of dy for the microkernel; columns past the last filter must be readable.
struct Columns
{
    const float* b;
    int64_t ldb;
};

Columns columnsOf(
    const ConvShape& shape, const float* dy, int64_t pixels, int64_t filter, int64_t columns, float* scratch)
{
    const int64_t width = tileKernels().panelColumns(columns);
    if (columns == width)
        return {dy + filter, shape.k};
    for (int64_t p = 0; p < pixels; ++p) {
        const float* from = dy + p * shape.k + filter;
        std::copy(from, from + columns, scratch + p * width);
        std::fill(scratch + p * width + columns, scratch + (p + 1) * width, 0.0F);
    }
    return {scratch, width};
}

/// Adds the column sums of dy: a product with a row of ones.
void addBias(const Columns& columns, int64_t pixels, TileCall call, float* db)
{
    static constexpr float one = 1.0F;
    const float* const row = &one;
    const int64_t start = 0;
    call.rows = &row;
    call.rowCount = 1;
    call.table = nullptr;
    call.segmentOffsets = &start;
    call.segmentCount = 1;
    call.segmentLength = pixels;
    call.step = 0;
    call.b = columns.b;
    call.ldb = columns.ldb;
    call.c = db;
    call.accumulate = true;
    tileKernels().run(call);
}

/// Adds the products of a block of pixels for the filters of one panel.
void addPanel(const ConvShape& shape, const WeightTask& task, const float* window, int64_t rowStride,
    const ConvRuns& runs, TileCall call, float* dw)
{
    const float* rows[rowBlock];
    call.rows = rows;
    for (int64_t row = task.rowBegin; row < task.rowEnd; row += rowBlock) {
        call.rowCount = std::min(rowBlock, task.rowEnd - row);
        int64_t run = row / runs.length;
        int64_t inRun = row % runs.length;
        for (int64_t r = 0; r < call.rowCount; ++run, inRun = 0) {
            const float* start = window + runs.offset(shape, run, rowStride);
            for (; inRun < runs.length && r < call.rowCount; ++inRun)
                rows[r++] = start + inRun;
        }
        call.c = dw + row * shape.k;
        tileKernels().run(call);
    }
}

void weightPiece(const ConvShape& shape, const ConvWeightArgs& args, const WeightTask& task,
    const ConvPiece& piece, float* scratch)
{
    const TileKernels& kernels = tileKernels();
    const ConvRuns runs(shape);
    float* columnScratch = scratch;
    const ConvView view = viewPiece(shape, piece, args.x, scratch + blockPixels * kernels.width);
    const int64_t groupK = shape.groupK();
    int64_t table[blockPixels];
    TileCall call;
    call.table = table;
    call.ldc = shape.k;
    call.accumulate = true;
    for (int64_t pixel = piece.begin; pixel < piece.end; pixel += blockPixels) {
        const int64_t pixels = std::min(blockPixels, piece.end - pixel);
        pixelOffsets(shape, piece, view, pixel, pixels, table);
        call.tableSize = pixels;
        const float* dy = args.dy + (piece.firstPixel(shape) + pixel - piece.begin) * shape.k;
        for (int64_t filter = 0; filter < shape.k;) {
            const int64_t group = filter / groupK;
            call.columns = std::min<int64_t>(kernels.width, (group + 1) * groupK - filter);
            const Columns columns = columnsOf(shape, dy, pixels, filter, call.columns, columnScratch);
            call.b = columns.b;
            call.ldb = columns.ldb;
            const float* window = view.base + group * shape.groupC();
            addPanel(shape, task, window, view.rowStride, runs, call, task.dw + filter);
            if (task.bias)
                addBias(columns, pixels, call, task.db + filter);
            filter += call.columns;
        }
    }
}

int64_t gradientRows(const ConvShape& shape)
{
    return shape.kh * shape.kw * shape.groupC();
}

/// Floats of one copy of the gradient: dw, then db.
int64_t partialSize(const ConvShape& shape)
{
    return shape.weightSize() + shape.k;
}

/// The part's share of the batch as a convolution of its own.
ConvShape partShape(const ConvShape& shape, const ConvWeightSplit& split, int64_t part, int64_t& firstImage)
{
    firstImage = shape.n * part / split.parts;
    ConvShape share = shape;
    share.n = shape.n * (part + 1) / split.parts - firstImage;
    return share;
}

WeightTask taskOf(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    int64_t part, int64_t slice)
{
    // Whole tiles to a slice.
    const int64_t rows = gradientRows(shape);
    const int64_t tileRows = tileKernels().rows;
    const int64_t tiles = (rows + tileRows - 1) / tileRows;
    WeightTask task;
    task.rowBegin = std::min(rows, tiles * slice / split.slices * tileRows);
    task.rowEnd = std::min(rows, tiles * (slice + 1) / split.slices * tileRows);
    task.bias = slice == 0 && args.db != nullptr;
    task.dw = split.parts == 1 ? args.dw : args.partials + part * partialSize(shape);
    task.db = split.parts == 1 ? args.db : task.dw + shape.weightSize();
    return task;
}

} // namespace

ConvWeightSplit convWeightSplit(const ConvShape& shape, int threads)
{
    if (shape.winograd)
        return winogradWeightSplit(shape, threads);
    // Copies of the gradient cost memory and the reduction's time; large gradients are cut by rows instead,
    // and each thread then reads the whole batch.
    constexpr int64_t maxPartials = 1 << 20;
    const int64_t tiles = (gradientRows(shape) + tileKernels().rows - 1) / tileKernels().rows;
    ConvWeightSplit split;
    if (partialSize(shape) * threads <= maxPartials)
        split.parts = std::clamp<int64_t>(threads, 1, std::max<int64_t>(shape.n, 1));
    if (split.parts < threads)
        split.slices = std::clamp<int64_t>((threads + split.parts - 1) / split.parts, 1, tiles);
    return split;
}

int64_t convWeightPartials(const ConvShape& shape, const ConvWeightSplit& split)
{
    if (shape.winograd)
        return winogradWeightPartials(shape, split);
    return split.parts == 1 ? 0 : split.parts * partialSize(shape);
}

int64_t convWeightScratch(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradWeightScratch(shape);
    return blockPixels * tileKernels().width + ConvPieces(shape, piecePixels, 1).copySize();
}

void convBackwardWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    int64_t begin, int64_t end)
{
    if (shape.winograd)
        return winogradBackwardWeights(shape, split, args, begin, end);
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t part = unit / split.slices;
        const WeightTask task = taskOf(shape, split, args, part, unit % split.slices);
        if (split.parts > 1 || !args.accumulate) {
            std::fill(task.dw + task.rowBegin * shape.k, task.dw + task.rowEnd * shape.k, 0.0F);
            if (task.bias)
                std::fill_n(task.db, shape.k, 0.0F);
        }
        int64_t firstImage = 0;
        const ConvShape share = partShape(shape, split, part, firstImage);
        ConvWeightArgs shareArgs = args;
        shareArgs.x += firstImage * shape.h * shape.w * shape.c;
        shareArgs.dy += firstImage * shape.oh() * shape.ow() * shape.k;
        const ConvPieces pieces(share, piecePixels, 1);
        for (int64_t i = 0; i < pieces.count(); ++i)
            weightPiece(share, shareArgs, task, pieces.piece(i), args.scratch);
    }
}

namespace {

constexpr int64_t reduceBlock = 4096;

/// to[i] (+)= the sum of the parts' values at from[i], in the order of the parts.
void reduceRange(const float* from, int64_t count, const ConvWeightSplit& split, int64_t stride,
    bool accumulate, float* to)
{
    if (!accumulate)
        std::copy_n(from, count, to);
    for (int64_t part = accumulate ? 0 : 1; part < split.parts; ++part) {
        const float* source = from + part * stride;
        for (int64_t i = 0; i < count; ++i)
            to[i] += source[i];
    }
}

} // namespace

int64_t convReduceUnits(const ConvShape& shape, const ConvWeightSplit& split)
{
    if (shape.winograd)
        return winogradReduceUnits(shape);
    return split.parts == 1 ? 0 : (shape.weightSize() + reduceBlock - 1) / reduceBlock;
}

void convReduceWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    int64_t begin, int64_t end)
{
    if (shape.winograd)
        return winogradReduceWeights(shape, split, args, begin, end);
    const int64_t stride = partialSize(shape);
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t first = unit * reduceBlock;
        const int64_t count = std::min(reduceBlock, shape.weightSize() - first);
        reduceRange(args.partials + first, count, split, stride, args.accumulate, args.dw + first);
        if (unit == 0 && args.db != nullptr)
            reduceRange(args.partials + shape.weightSize(), shape.k, split, stride, args.accumulate, args.db);
    }
}

} // namespace gradloom::cpu
