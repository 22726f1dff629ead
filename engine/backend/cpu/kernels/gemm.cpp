#include "gemm.h"

#include "pack.h"
#include "tile.h"

#include <algorithm>

namespace gradloom::cpu {

namespace {

/// Depth of a block of B that is used for all rows of a unit before the next: 512 x 32 floats are 64 KiB,
/// half of a small second-level cache.
constexpr int64_t depthBlock = 512;

/// How the product is cut into units.
struct GemmGrid
{
    int64_t rows;   ///< rows of C in a unit
    int64_t panels; ///< column panels of C
    int64_t units;
};

GemmGrid gridOf(const GemmShape& shape)
{
    const TileKernels& kernels = tileKernels();
    const int64_t panels = kernels.panels(shape.n);
    const int64_t tiles = (shape.m + kernels.rows - 1) / kernels.rows;
    // Up to 8 tiles a unit, so that B is read from the first-level cache; fewer where less than 32 units
    // would remain to be shared.
    const int64_t tilesPerUnit = std::clamp<int64_t>(tiles * panels / 32, 1, 8);
    const int64_t rows = tilesPerUnit * kernels.rows;
    return {rows, panels, (shape.m + rows - 1) / rows * panels};
}

/// The rows [row, row + rows) of one column panel.
void gemmUnit(const GemmShape& shape, const GemmArgs& args, int64_t row, int64_t rows, int64_t panel)
{
    const TileKernels& kernels = tileKernels();
    const int64_t column = panel * kernels.width;
    const int64_t columns = std::min<int64_t>(kernels.width, shape.n - column);
    const float* pointers[8 * maxTileRows];
    const int64_t rowStride = shape.transposedA ? 1 : shape.lda;
    for (int64_t r = 0; r < rows; ++r)
        pointers[r] = args.a + (row + r) * rowStride;

    TileCall call;
    call.rows = pointers;
    call.rowCount = rows;
    call.segmentCount = 1;
    call.step = shape.transposedA ? shape.lda : 1;
    call.ldb = kernels.panelColumns(columns);
    call.columns = columns;
    call.c = args.c + row * shape.ldc + column;
    call.ldc = shape.ldc;
    int64_t k = 0;
    do {
        const int64_t start = k * call.step;
        call.segmentOffsets = &start;
        call.segmentLength = std::min(depthBlock, shape.k - k);
        call.b = args.packedB + column * shape.k + k * call.ldb;
        call.accumulate = shape.accumulate || k > 0;
        k += call.segmentLength;
        if (k == shape.k) {
            call.epilogue = args.epilogue;
            if (call.epilogue.bias != nullptr)
                call.epilogue.bias += column;
        }
        kernels.run(call);
    } while (k < shape.k);
}

} // namespace

void packPanel(const GemmOperand& shape, const float* b, int64_t firstColumn, int64_t width, float* out)
{
    const int64_t used = std::min(width, shape.n - firstColumn);
    if (!shape.transposed) {
        for (int64_t k = 0; k < shape.k; ++k) {
            const float* row = b + k * shape.ld + firstColumn;
            float* to = out + k * width;
            std::copy(row, row + used, to);
            std::fill(to + used, to + width, 0.0F);
        }
        return;
    }
    // Blocks of 16 x 16 keep both sides in the first-level cache.
    constexpr int64_t block = 16;
    for (int64_t k0 = 0; k0 < shape.k; k0 += block) {
        const int64_t k1 = std::min(k0 + block, shape.k);
        for (int64_t j0 = 0; j0 < used; j0 += block) {
            const int64_t j1 = std::min(j0 + block, used);
            for (int64_t k = k0; k < k1; ++k)
                for (int64_t j = j0; j < j1; ++j)
                    out[k * width + j] = b[(firstColumn + j) * shape.ld + k];
        }
        for (int64_t k = k0; k < k1; ++k)
            std::fill(out + k * width + used, out + (k + 1) * width, 0.0F);
    }
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
    return shape.m == 0 || shape.n == 0 ? 0 : gridOf(shape).units;
}

void gemm(const GemmShape& shape, const GemmArgs& args, int64_t begin, int64_t end)
{
    if (begin >= end)
        return;
    const GemmGrid grid = gridOf(shape);
    for (int64_t unit = begin; unit < end; ++unit) {
        // All panels of a block of rows follow each other: A comes from cache from the second panel on.
        const int64_t row = unit / grid.panels * grid.rows;
        gemmUnit(shape, args, row, std::min(grid.rows, shape.m - row), unit % grid.panels);
    }
}

} // namespace gradloom::cpu
