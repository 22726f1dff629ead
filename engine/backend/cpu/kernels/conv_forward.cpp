#include "conv.h"
#include "conv_geometry.h"
#include "pack.h"
#include "tile.h"
#include "winograd.h"

#include <algorithm>

namespace gradloom::cpu {

namespace {

/// Pixels that share one reading of the weights from the second-level cache.
constexpr int64_t blockPixels = 8 * maxTileRows;
/// Pixels of a piece: the copy of a padded piece shares rows with its neighbours, so it should not be small.
constexpr int64_t piecePixels = 2 * blockPixels;
/// Pieces wanted, for 16 threads to share.
constexpr int64_t minPieces = 32;
/// Below this length of a run, one table of offsets is faster than a loop for each run.
constexpr int64_t shortRun = 16;
constexpr int64_t maxTable = 256;

struct WindowOffsets
{
    int64_t depth; ///< values in a window: kh * kw * c / groups
    ConvRuns runs;
    bool table;

    explicit WindowOffsets(const ConvShape& shape)
        : depth(shape.kh * shape.kw * shape.groupC()), runs(shape),
          table(runs.length < shortRun && runs.count > 1 && depth <= maxTable)
    {
    }

    int64_t size() const { return table ? depth : runs.count; }

    void fill(const ConvShape& shape, int64_t rowStride, int64_t* offsets) const
    {
        for (int64_t run = 0; run < runs.count; ++run) {
            const int64_t start = runs.offset(shape, run, rowStride);
            if (!table) {
                offsets[run] = start;
                continue;
            }
            for (int64_t i = 0; i < runs.length; ++i)
                *offsets++ = start + i;
        }
    }

    void describe(const int64_t* offsets, TileCall& call) const
    {
        if (table) {
            call.table = offsets;
            call.tableSize = depth;
            return;
        }
        call.segmentOffsets = offsets;
        call.segmentCount = runs.count;
        call.segmentLength = runs.length;
    }
};

/// All filters for the rows of `call`, whose output starts at `y`.
void forwardBlock(
    const ConvShape& shape, const ConvForwardArgs& args, const float* const* pixels, float* y, TileCall& call)
{
    const TileKernels& kernels = tileKernels();
    const int64_t depth = shape.kh * shape.kw * shape.groupC();
    const int64_t groupK = shape.groupK();
    const float* shifted[blockPixels];
    call.rows = pixels;
    call.ldc = shape.k;
    for (int64_t group = 0; group < shape.groups; ++group) {
        if (group > 0) {
            for (int64_t r = 0; r < call.rowCount; ++r)
                shifted[r] = pixels[r] + group * shape.groupC();
            call.rows = shifted;
        }
        const float* packed = args.packed + group * kernels.packedSize(depth, groupK);
        for (int64_t filter = 0; filter < groupK; filter += kernels.width) {
            call.columns = std::min<int64_t>(kernels.width, groupK - filter);
            call.ldb = kernels.panelColumns(call.columns);
            call.b = packed + filter * depth;
            call.c = y + group * groupK + filter;
            call.epilogue = args.epilogue;
            if (call.epilogue.bias != nullptr)
                call.epilogue.bias += group * groupK + filter;
            kernels.run(call);
        }
    }
}

void forwardPiece(
    const ConvShape& shape, const ConvForwardArgs& args, const ConvPiece& piece, MomentsOfRows& moments)
{
    float* scratch = args.scratch;
    const WindowOffsets window(shape);
    int64_t* windowOffsets = takeIntegers(scratch, window.size());
    const ConvView view = viewPiece(shape, piece, args.x, scratch);
    window.fill(shape, view.rowStride, windowOffsets);

    TileCall call;
    window.describe(windowOffsets, call);
    float* y = args.y + piece.firstPixel(shape) * shape.k;
    for (int64_t pixel = piece.begin; pixel < piece.end; pixel += blockPixels) {
        int64_t offsets[blockPixels];
        const float* pointers[blockPixels];
        call.rowCount = std::min(blockPixels, piece.end - pixel);
        pixelOffsets(shape, piece, view, pixel, call.rowCount, offsets);
        for (int64_t r = 0; r < call.rowCount; ++r)
            pointers[r] = view.base + offsets[r];
        float* block = y + (pixel - piece.begin) * shape.k;
        forwardBlock(shape, args, pointers, block, call);
        for (int64_t r = 0; r < call.rowCount; ++r)
            moments.add(block + r * shape.k);
    }
    moments.finish();
}

} // namespace

int64_t convPackedSize(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradPackedSize(shape);
    return shape.groups * tileKernels().packedSize(shape.kh * shape.kw * shape.groupC(), shape.groupK());
}

int64_t convPackUnits(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradPackUnits(shape);
    return shape.groups * tileKernels().panels(shape.groupK());
}

void convPack(const ConvShape& shape, const float* weights, float* packed, int64_t begin, int64_t end)
{
    if (shape.winograd)
        return winogradPack(shape, weights, packed, begin, end);
    const TileKernels& kernels = tileKernels();
    const GemmOperand operand{shape.kh * shape.kw * shape.groupC(), shape.groupK(), shape.k, false};
    const int64_t panels = kernels.panels(operand.n);
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t group = unit / panels;
        const int64_t filter = unit % panels * kernels.width;
        float* to = packed + group * kernels.packedSize(operand.k, operand.n) + filter * operand.k;
        packPanel(operand, weights + group * operand.n, filter, kernels.panelColumns(operand.n - filter), to);
    }
}

int64_t convForwardScratch(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradForwardScratch(shape);
    return integersSize(WindowOffsets(shape).size()) + ConvPieces(shape, piecePixels, minPieces).copySize();
}

int64_t convForwardUnits(const ConvShape& shape)
{
    if (shape.winograd)
        return winogradForwardUnits(shape);
    return ConvPieces(shape, piecePixels, minPieces).count();
}

void convForward(const ConvShape& shape, const ConvForwardArgs& args, int64_t begin, int64_t end)
{
    if (shape.winograd)
        return winogradForward(shape, args, begin, end);
    const ConvPieces pieces(shape, piecePixels, minPieces);
    for (int64_t unit = begin; unit < end; ++unit) {
        MomentsOfRows moments(shape.k, args.momentsOf(unit, shape.k));
        forwardPiece(shape, args, pieces.piece(unit), moments);
    }
}

} // namespace gradloom::cpu
