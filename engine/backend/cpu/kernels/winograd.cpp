#include "winograd.h"

#include "gemm.h"
#include "winograd_tiles.h"

#include <atomic>

namespace gradloom::cpu {

namespace {

std::atomic<ConvAlgorithm> forced{ConvAlgorithm::Automatic};

bool possible(const ConvShape& s)
{
    const bool square = s.kh == s.kw && s.strideH == s.strideW && s.dilationH == 1 && s.dilationW == 1;
    return square && s.groups == 1 &&
           ((s.strideH == 1 && s.kh == 3) || (s.strideH == 2 && (s.kh == 3 || s.kh == 4)));
}

/// Columns of a panel at most.
constexpr int64_t maxWidth = 64;

/// Transforms the kernels of one column panel: `depth` rows of `columns` columns each.
/// `loadTap(row, tap, to)` writes a row's values of one tap.
template <class Load>
void packTransformed(
    const ConvShape& shape, const GemmOperand& operand, int64_t column, float* packed, const Load& loadTap)
{
    const WinogradForm& form = *WinogradPhases(shape).form;
    const WinogradBlocks blocks(shape, form);
    float row[winogradMaxTaps * maxWidth];
    const TileKernels& kernels = tileKernels();
    const int64_t columns = std::min<int64_t>(kernels.width, operand.n - column);
    const int64_t width = kernels.panelColumns(columns);
    const int64_t stride = kernels.packedSize(operand.k, operand.n);
    WinogradTile<float> to{
        packed + column * operand.k, blocks.columns * stride, stride, blocks.rows, blocks.columns};
    for (int64_t r = 0; r < operand.k; ++r, to.data += width) {
        for (int64_t tap = 0; tap < form.taps * form.taps; ++tap) {
            loadTap(r, tap, columns, row + tap * width);
            std::fill(row + tap * width + columns, row + (tap + 1) * width, 0.0F);
        }
        form.weights(row, width, width, to);
    }
}

struct Products
{
    WinogradBlock block;
    float* ignored; ///< stands for pixels that are outside
};

/// Transforms the products of a block back to pixels.
void storeOutputs(const ConvShape& shape, const ConvForwardArgs& args, const WinogradBatch& batch,
    const Products& products, MomentsOfRows& moments)
{
    const WinogradForm& form = *WinogradPhases(shape).form;
    float* ignored = products.ignored;
    for (int64_t t = 0; t < batch.count(); ++t) {
        const WinogradPlace& place = batch.places[t];
        const WinogradImage<float> image{args.y + place.image * shape.oh() * shape.ow() * shape.k, shape.ow(),
            shape.k, ignored, 0, shape.oh()};
        float* pixels[winogradPixels];
        image.pixels(place.y, place.x, 1, place.rows, place.columns, pixels);
        form.output(products.block.tile(t, place, form), shape.k, args.epilogue, pixels);
        for (int64_t i = 0; i < int64_t(place.rows) * place.columns; ++i)
            if (pixels[i] != ignored)
                moments.add(pixels[i]);
    }
    moments.finish();
}

} // namespace

void forceConvAlgorithm(ConvAlgorithm algorithm)
{
    forced = algorithm;
}

bool prefersWinograd(const ConvShape& s)
{
    const ConvAlgorithm algorithm = forced;
    if (algorithm == ConvAlgorithm::Direct || !possible(s))
        return false;
    if (algorithm == ConvAlgorithm::Winograd)
        return true;
    // Operations, and what else takes as long as so many of them, measured with kernel_bench: the transforms
    // take 0.22 ns for an element of a tile and a channel, those of the kernels 0.28 ns, where 105 operations
    // take 1 ns. Narrow layers would waste most of a vector.
    constexpr int64_t narrow = 8;
    constexpr double perTileElement = 23;
    constexpr double perKernelElement = 28;
    const WinogradPhases phases(s);
    const WinogradTiles tiles(s);
    const int64_t taps = phases.form->taps;
    const auto elements =
        static_cast<double>(s.n * tiles.vertical.points(taps) * tiles.horizontal.points(taps));
    const auto kernels = static_cast<double>(phases.depth * s.k);
    const auto kernelElements = static_cast<double>(WinogradBlocks(s, *phases.form).elements()) * kernels;
    const double direct = 2 * static_cast<double>(s.n * s.oh() * s.ow() * s.weightSize());
    const double winograd =
        (2 * kernels + perTileElement * static_cast<double>(phases.depth + s.k)) * elements +
        perKernelElement * kernelElements;
    return std::min(s.c, s.k) >= narrow && winograd < 0.9 * direct;
}

std::string winogradName(const ConvShape& shape)
{
    const WinogradTiles tiles(shape);
    const std::string taps = std::to_string(WinogradPhases(shape).form->taps);
    return "F(" + std::to_string(tiles.vertical.big) + "×" + std::to_string(tiles.horizontal.big) + ", " +
           taps + "×" + taps + ")";
}

void winogradMultiply(
    const WinogradBlock& from, const WinogradBatch& batch, const float* packed, const WinogradBlock& to)
{
    const TileKernels& kernels = tileKernels();
    const int64_t packedSize = kernels.packedSize(from.channels, to.channels);
    const float* rows[winogradMaxBlock];
    const int64_t start = 0;
    TileCall call;
    call.rows = rows;
    call.segmentOffsets = &start;
    call.segmentCount = 1;
    call.segmentLength = from.channels;
    call.ldc = to.channels;
    for (int64_t e = 0; e < from.elements(); ++e) {
        const WinogradBatch::Range range = from.tilesWith(e, batch);
        call.rowCount = range.count();
        for (int64_t t = 0; t < range.count(); ++t)
            rows[t] = from.element(e) + (range.begin + t) * from.channels;
        for (int64_t column = 0; column < to.channels; column += kernels.width) {
            call.columns = std::min<int64_t>(kernels.width, to.channels - column);
            call.ldb = kernels.panelColumns(call.columns);
            call.b = packed + e * packedSize + column * from.channels;
            call.c = to.element(e) + range.begin * to.channels + column;
            kernels.run(call);
        }
    }
}

void winogradInputs(const ConvShape& shape, const float* x, const WinogradBatch& batch, const float* zeros,
    const WinogradBlock& to)
{
    const WinogradPhases phases(shape);
    for (int64_t t = 0; t < batch.count(); ++t) {
        const WinogradPlace& place = batch.places[t];
        const WinogradImage<const float> image{
            x + place.image * shape.h * shape.w * shape.c, shape.w, shape.c, zeros, 0, shape.h};
        WinogradTile<float> tile = to.tile(t, place, *phases.form);
        for (int64_t phase = 0; phase < phases.count; ++phase, tile.data += shape.c) {
            const float* pixels[winogradMaxElements];
            image.pixels(place.y * phases.stride + phases.row(phase) - shape.padTop,
                place.x * phases.stride + phases.column(phase) - shape.padLeft, phases.stride, tile.rows,
                tile.columns, pixels);
            phases.form->input(pixels, shape.c, tile);
        }
    }
}

int64_t winogradPackedSize(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    return WinogradBlocks(shape, *phases.form).elements() * tileKernels().packedSize(phases.depth, shape.k);
}

int64_t winogradPackUnits(const ConvShape& shape)
{
    return tileKernels().panels(shape.k);
}

void winogradPack(const ConvShape& shape, const float* weights, float* packed, int64_t begin, int64_t end)
{
    const WinogradPhases phases(shape);
    for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t filter = panel * tileKernels().width;
        packTransformed(shape, {phases.depth, shape.k}, filter, packed,
            [&](int64_t row, int64_t tap, int64_t columns, float* to) {
                const int64_t offset = phases.tapOffset(shape, row / shape.c, tap);
                if (offset < 0)
                    std::fill_n(to, columns, 0.0F);
                else
                    std::copy_n(weights + offset + row % shape.c * shape.k + filter, columns, to);
            });
    }
}

int64_t winogradDataPackedSize(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    return WinogradBlocks(shape, *phases.form).elements() * tileKernels().packedSize(shape.k, phases.depth);
}

int64_t winogradDataPackUnits(const ConvShape& shape)
{
    return tileKernels().panels(WinogradPhases(shape).depth);
}

void winogradDataPack(const ConvShape& shape, const float* weights, float* packed, int64_t begin, int64_t end)
{
    const WinogradPhases phases(shape);
    for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t first = panel * tileKernels().width;
        int64_t offsets[winogradMaxTaps][maxWidth];
        for (int64_t j = 0; j < std::min<int64_t>(tileKernels().width, phases.depth - first); ++j)
            for (int64_t tap = 0; tap < phases.form->taps * phases.form->taps; ++tap) {
                const int64_t offset = phases.tapOffset(shape, (first + j) / shape.c, tap);
                offsets[tap][j] = offset < 0 ? -1 : offset + (first + j) % shape.c * shape.k;
            }
        packTransformed(shape, {shape.k, phases.depth}, first, packed,
            [&](int64_t filter, int64_t tap, int64_t columns, float* to) {
                for (int64_t j = 0; j < columns; ++j)
                    to[j] = offsets[tap][j] < 0 ? 0.0F : weights[offsets[tap][j] + filter];
            });
    }
}

int64_t winogradForwardScratch(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    const int64_t tiles = winogradBlockTiles(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    return shape.c + shape.k + blocks.size(tiles, phases.depth) + blocks.size(tiles, shape.k);
}

int64_t winogradForwardUnits(const ConvShape& shape)
{
    const int64_t tiles = winogradBlockTiles(shape);
    return (shape.n * WinogradTiles(shape).perImage() + tiles - 1) / tiles;
}

void winogradForward(const ConvShape& shape, const ConvForwardArgs& args, int64_t begin, int64_t end)
{
    const WinogradTiles grid(shape);
    const WinogradPhases phases(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    const int64_t blockTiles = winogradBlockTiles(shape);
    const int64_t allTiles = shape.n * grid.perImage();
    float* scratch = args.scratch;
    float* zeros = takeFloats(scratch, shape.c);
    std::fill_n(zeros, shape.c, 0.0F);
    float* ignored = takeFloats(scratch, shape.k);
    const WinogradBlock in = blocks.take(scratch, blockTiles, phases.depth);
    const WinogradBlock out = blocks.take(scratch, blockTiles, shape.k);
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t first = unit * blockTiles;
        const WinogradBatch batch(grid, first, std::min(blockTiles, allTiles - first));
        winogradInputs(shape, args.x, batch, zeros, in);
        winogradMultiply(in, batch, args.packed, out);
        MomentsOfRows moments(shape.k, args.momentsOf(unit, shape.k));
        storeOutputs(shape, args, batch, {out, ignored}, moments);
    }
}

} // namespace gradloom::cpu
