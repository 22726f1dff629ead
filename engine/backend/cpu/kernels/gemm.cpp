#include "gemm.h"

#include "pack.h"
#include "tile.h"

#include <algorithm>

namespace gradloom::cpu {

namespace {

/// Depth of a block of B that is used for all rows of a unit before the next: 512 x 32 floats are 64 KiB,
/// half of a small second-level cache.
constexpr int64_t depthBlock = 512;

/// Tiles of rows in a unit at most.
constexpr int64_t blockTiles = 8;

/// How the product is cut into units: blocks of rows times column panels.
struct GemmGrid
{
    int64_t tiles;  ///< of rows of C
    int64_t blocks; ///< of tiles, none of which has two more than another
    int64_t panels; ///< column panels of C
    bool byPanels;  ///< the blocks of a panel follow each other, else the panels of a block
    int64_t units() const { return blocks * panels; }
    int64_t firstRow(int64_t block) const { return tiles * block / blocks * tileKernels().rows; }
};

GemmGrid gridOf(const GemmShape& shape)
{
    const TileKernels& kernels = tileKernels();
    const int64_t panels = kernels.panels(shape.n);
    const int64_t tiles = (shape.m + kernels.rows - 1) / kernels.rows;
    // Up to 8 tiles a unit, so that B is read from the first-level cache; fewer where less than 32 units
    // would remain to be shared.
    const int64_t tilesPerUnit = std::clamp<int64_t>(tiles * panels / 32, 1, blockTiles);
    const int64_t blocks = (tiles + tilesPerUnit - 1) / tilesPerUnit;
    // Threads get neighbouring units: each should read only its part of the larger operand.
    return {tiles, blocks, panels, shape.n > shape.m && !shape.transposedA};
}

/// The product of some rows with some column panels, which are neighbours.
struct GemmBlock
{
    int64_t row;
    int64_t rows;
    int64_t firstPanel;
    int64_t endPanel;
};

/// Calls run(block) for the units from `begin` to `end`, neighbouring panels of the same rows in one block.
template <class Run>
void eachBlock(const GemmShape& shape, int64_t begin, int64_t end, const Run& run)
{
    const GemmGrid grid = gridOf(shape);
    for (int64_t unit = begin; unit < end;) {
        const int64_t block = grid.byPanels ? unit % grid.blocks : unit / grid.panels;
        const int64_t row = grid.firstRow(block);
        const int64_t rows = std::min(grid.firstRow(block + 1), shape.m) - row;
        const int64_t first = grid.byPanels ? unit / grid.blocks : unit % grid.panels;
        const int64_t count = grid.byPanels ? 1 : std::min(grid.panels - first, end - unit);
        run(GemmBlock{row, rows, first, first + count});
        unit += count;
    }
}

/// A part of the summed dimension.
struct GemmDepth
{
    int64_t start; ///< first k
    int64_t count;
};

/// Whether C is larger than a second-level cache.
bool isFar(const GemmShape& shape)
{
    constexpr int64_t cached = int64_t{1} << 18;
    return shape.m * shape.n > cached;
}

void multiplyPanel(const GemmShape& shape, const GemmArgs& args, const GemmBlock& block, int64_t panel,
    const GemmDepth& depth)
{
    const TileKernels& kernels = tileKernels();
    const int64_t column = panel * kernels.width;
    const int64_t step = shape.transposedA ? shape.lda : 1;
    const int64_t rowStride = shape.transposedA ? 1 : shape.lda;
    const float* pointers[blockTiles * maxTileRows];
    for (int64_t r = 0; r < block.rows; ++r)
        pointers[r] = args.a + (block.row + r) * rowStride + depth.start * step;
    const int64_t none = 0;
    TileCall call;
    call.rows = pointers;
    call.rowCount = block.rows;
    call.segmentOffsets = &none;
    call.segmentCount = 1;
    call.segmentLength = depth.count;
    call.step = step;
    call.columns = std::min<int64_t>(kernels.width, shape.n - column);
    call.ldb = shape.ldb > 0 ? shape.ldb : kernels.panelColumns(call.columns);
    call.b = args.b + (shape.ldb > 0 ? column : column * shape.k) + depth.start * call.ldb;
    call.c = args.c + block.row * shape.ldc + column;
    call.ldc = shape.ldc;
    call.farC = isFar(shape);
    call.streamed = true;
    call.accumulate = shape.accumulate || depth.start > 0;
    if (depth.start + depth.count == shape.k) {
        call.epilogue = args.epilogue;
        if (args.epilogue.bias != nullptr)
            call.epilogue.bias = args.epilogue.bias + column;
    }
    kernels.run(call);
}

/// All panels for a part of the sums before the next part: A and B are fetched from memory once.
void multiplyBlock(const GemmShape& shape, const GemmArgs& args, const GemmBlock& block)
{
    int64_t k = 0;
    do {
        const GemmDepth depth{k, std::min(depthBlock, shape.k - k)};
        for (int64_t panel = block.firstPanel; panel < block.endPanel; ++panel)
            multiplyPanel(shape, args, block, panel, depth);
        k += depth.count;
    } while (k < shape.k);
}

} // namespace

bool gemmReadsStored(const GemmOperand& b)
{
    return !b.transposed && b.n % tileKernels().lanes == 0;
}

int64_t gemmPackedSize(int64_t k, int64_t n)
{
    return tileKernels().packedSize(k, n);
}

int64_t gemmPackUnits(int64_t, int64_t n)
{
    return tileKernels().panels(n);
}

void gemmPack(const GemmOperand& shape, const float* b, float* packed, int64_t begin, int64_t end)
{
    const TileKernels& kernels = tileKernels();
    for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t column = panel * kernels.width;
        const int64_t columns = std::min<int64_t>(kernels.width, shape.n - column);
        packPanel(shape, b, column, kernels.panelColumns(columns), packed + column * shape.k);
    }
}

int64_t gemmUnits(const GemmShape& shape)
{
    return shape.m == 0 || shape.n == 0 ? 0 : gridOf(shape).units();
}

void gemm(const GemmShape& shape, const GemmArgs& args, int64_t begin, int64_t end)
{
    eachBlock(shape, begin, end, [&](const GemmBlock& block) { multiplyBlock(shape, args, block); });
}

} // namespace gradloom::cpu
