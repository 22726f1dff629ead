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
    const WinogradForm& form, const GemmOperand& operand, int64_t column, float* packed, const Load& loadTap)
{
    float row[winogradMaxTaps * maxWidth];
    const TileKernels& kernels = tileKernels();
    const int64_t columns = std::min<int64_t>(kernels.width, operand.n - column);
    const int64_t width = kernels.panelColumns(columns);
    float* to = packed + column * operand.k;
    for (int64_t r = 0; r < operand.k; ++r, to += width) {
        for (int64_t tap = 0; tap < form.taps * form.taps; ++tap) {
            loadTap(r, tap, columns, row + tap * width);
            std::fill(row + tap * width + columns, row + (tap + 1) * width, 0.0F);
        }
        form.weights(row, width, width, to, kernels.packedSize(operand.k, operand.n));
    }
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
    // of a tile of 6 x 6 take 8 ns a channel, those of the kernels 10 ns each, where 105 operations take 1
    // ns. Narrow layers would waste most of a vector.
    constexpr int64_t narrow = 8;
    const WinogradPhases phases(s);
    const double elements = phases.form->elements();
    const double perTileChannel = 840 * elements / winogradMaxElements;
    const double perKernel = 1000 * elements / winogradMaxElements;
    const auto pixels = static_cast<double>(s.n * s.oh() * s.ow());
    const auto tiles = static_cast<double>(s.n * WinogradTiles(s).perImage());
    const auto kernels = static_cast<double>(phases.depth * s.k);
    const double direct = 2 * pixels * static_cast<double>(s.weightSize());
    const double winograd =
        (2 * elements * kernels + perTileChannel * static_cast<double>(phases.depth + s.k)) * tiles +
        perKernel * kernels;
    return std::min(s.c, s.k) >= narrow && winograd < 0.9 * direct;
}

void winogradMultiply(const WinogradBlock& from, int64_t tiles, const float* packed, const WinogradBlock& to)
{
    const TileKernels& kernels = tileKernels();
    const int64_t packedSize = kernels.packedSize(from.channels, to.channels);
    const float* rows[winogradMaxBlock];
    const int64_t start = 0;
    TileCall call;
    call.rows = rows;
    call.rowCount = tiles;
    call.segmentOffsets = &start;
    call.segmentCount = 1;
    call.segmentLength = from.channels;
    call.ldc = to.channels;
    for (int64_t e = 0; e < from.elements; ++e) {
        for (int64_t t = 0; t < tiles; ++t)
            rows[t] = from.element(e) + t * from.channels;
        for (int64_t column = 0; column < to.channels; column += kernels.width) {
            call.columns = std::min<int64_t>(kernels.width, to.channels - column);
            call.ldb = kernels.panelColumns(call.columns);
            call.b = packed + e * packedSize + column * from.channels;
            call.c = to.element(e) + column;
            kernels.run(call);
        }
    }
}

void winogradInputs(const ConvShape& shape, const float* x, int64_t firstTile, int64_t tiles,
    const float* zeros, const WinogradBlock& to)
{
    const WinogradTiles grid(shape);
    const WinogradPhases phases(shape);
    for (int64_t t = 0; t < tiles; ++t) {
        const WinogradPlace place = grid.place(firstTile + t);
        const WinogradImage<const float> image{
            x + place.image * shape.h * shape.w * shape.c, shape.w, shape.c, zeros, 0, shape.h};
        for (int64_t phase = 0; phase < phases.count; ++phase) {
            const float* pixels[winogradMaxElements];
            image.pixels(place.y * phases.stride + phases.row(phase) - shape.padTop,
                place.x * phases.stride + phases.column(phase) - shape.padLeft, phases.stride,
                phases.form->side, pixels);
            phases.form->input(pixels, shape.c, to.tile(t) + phase * shape.c, to.stride);
        }
    }
}

int64_t winogradPackedSize(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    return phases.form->elements() * tileKernels().packedSize(phases.depth, shape.k);
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
        packTransformed(*phases.form, {phases.depth, shape.k}, filter, packed,
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
    return phases.form->elements() * tileKernels().packedSize(shape.k, phases.depth);
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
        packTransformed(*phases.form, {shape.k, phases.depth}, first, packed,
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
    return shape.c + shape.k + winogradBlockSize(*phases.form, tiles, phases.depth) +
           winogradBlockSize(*phases.form, tiles, shape.k);
}

int64_t winogradForwardUnits(const ConvShape& shape)
{
    const int64_t tiles = winogradBlockTiles(shape);
    return (shape.n * WinogradTiles(shape).perImage() + tiles - 1) / tiles;
}

void winogradForward(const ConvShape& shape, const ConvForwardArgs& args, int64_t begin, int64_t end)
{
    const WinogradTiles grid(shape);
    const WinogradForm& form = *WinogradPhases(shape).form;
    const int64_t blockTiles = winogradBlockTiles(shape);
    const int64_t allTiles = shape.n * grid.perImage();
    float* scratch = args.scratch;
    float* zeros = takeFloats(scratch, shape.c);
    std::fill_n(zeros, shape.c, 0.0F);
    float* ignored = takeFloats(scratch, shape.k);
    const WinogradBlock in = takeBlock(scratch, form, blockTiles, WinogradPhases(shape).depth);
    const WinogradBlock out = takeBlock(scratch, form, blockTiles, shape.k);
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t first = unit * blockTiles;
        const int64_t tiles = std::min(blockTiles, allTiles - first);
        winogradInputs(shape, args.x, first, tiles, zeros, in);
        winogradMultiply(in, tiles, args.packed, out);
        for (int64_t t = 0; t < tiles; ++t) {
            const WinogradPlace place = grid.place(first + t);
            const WinogradImage<float> image{args.y + place.image * shape.oh() * shape.ow() * shape.k,
                shape.ow(), shape.k, ignored, 0, shape.oh()};
            float* pixels[winogradPixels];
            image.pixels(place.y, place.x, 1, winogradOut, pixels);
            form.output(out.tile(t), out.stride, shape.k, args.epilogue, pixels);
        }
    }
}

} // namespace gradloom::cpu
