#include "winograd.h"

#include "winograd_tiles.h"

#include <atomic>

namespace gradloom::cpu {

namespace {

std::atomic<ConvAlgorithm> forced{ConvAlgorithm::Automatic};

constexpr int64_t taps = winogradTaps * winogradTaps;

bool possible(const ConvShape& s)
{
    return s.kh == winogradTaps && s.kw == winogradTaps && s.strideH == 1 && s.strideW == 1 &&
           s.dilationH == 1 && s.dilationW == 1 && s.groups == 1;
}

/// Transforms the kernels of one column panel: `depth` rows of `columns` columns each.
/// `load(row, tap, to)` writes a row's values of one tap.
template <class Load>
void packTransformed(int64_t depth, int64_t columns, float* to, int64_t stride, const Load& load)
{
    float row[taps * 2 * 16];
    const int64_t width = tileKernels().panelColumns(columns);
    for (int64_t r = 0; r < depth; ++r) {
        for (int64_t tap = 0; tap < taps; ++tap) {
            load(r, tap, row + tap * width);
            std::fill(row + tap * width + columns, row + (tap + 1) * width, 0.0F);
        }
        winogradTransforms().weights(row, width, width, to + r * width, stride);
    }
}

} // namespace

void forceConvAlgorithm(ConvAlgorithm algorithm)
{
    forced = algorithm;
}

ConvAlgorithm forcedConvAlgorithm()
{
    return forced;
}

bool prefersWinograd(const ConvShape& s)
{
    const ConvAlgorithm algorithm = forced;
    if (algorithm == ConvAlgorithm::Direct || !possible(s))
        return false;
    if (algorithm == ConvAlgorithm::Winograd)
        return true;
    // Operations, and what else takes as long as so many of them, measured with kernel_bench: the transforms
    // of a tile take 8 ns a channel, those of the kernels 10 ns each, where 105 operations take 1 ns. Narrow
    // layers would waste most of a vector.
    constexpr int64_t narrow = 8;
    constexpr double perTileChannel = 840;
    constexpr double perKernel = 1000;
    const double pixels = static_cast<double>(s.n * s.oh() * s.ow());
    const double tiles = static_cast<double>(s.n * WinogradTiles(s).perImage());
    const double kernels = static_cast<double>(s.c * s.k);
    const double direct = 2 * taps * kernels * pixels;
    const double winograd =
        (2 * winogradElements * kernels + perTileChannel * static_cast<double>(s.c + s.k)) * tiles +
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
    for (int64_t e = 0; e < winogradElements; ++e) {
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
    for (int64_t t = 0; t < tiles; ++t) {
        const WinogradPlace place = grid.place(firstTile + t);
        const WinogradImage<const float> image{
            x + place.image * shape.h * shape.w * shape.c, shape.w, shape.c, zeros, 0, shape.h};
        const float* pixels[winogradElements];
        image.pixels<winogradSide>(place.y - shape.padTop, place.x - shape.padLeft, pixels);
        winogradTransforms().input(pixels, shape.c, to.tile(t), to.stride);
    }
}

int64_t winogradPackedSize(const ConvShape& shape)
{
    return winogradElements * tileKernels().packedSize(shape.c, shape.k);
}

int64_t winogradPackUnits(const ConvShape& shape)
{
    return tileKernels().panels(shape.k);
}

void winogradPack(const ConvShape& shape, const float* weights, float* packed, int64_t begin, int64_t end)
{
    const int64_t width = tileKernels().width;
    for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t filter = panel * width;
        const int64_t columns = std::min(width, shape.k - filter);
        packTransformed(shape.c, columns, packed + filter * shape.c,
            tileKernels().packedSize(shape.c, shape.k), [&](int64_t channel, int64_t tap, float* to) {
                std::copy_n(weights + (tap * shape.c + channel) * shape.k + filter, columns, to);
            });
    }
}

int64_t winogradForwardScratch(const ConvShape& shape)
{
    const int64_t tiles = winogradBlockTiles(shape);
    return shape.c + shape.k + WinogradBlock::sizeFor(tiles, shape.c) +
           WinogradBlock::sizeFor(tiles, shape.k);
}

int64_t winogradForwardUnits(const ConvShape& shape)
{
    const int64_t tiles = winogradBlockTiles(shape);
    return (shape.n * WinogradTiles(shape).perImage() + tiles - 1) / tiles;
}

void winogradForward(const ConvShape& shape, const ConvForwardArgs& args, int64_t begin, int64_t end)
{
    const WinogradTiles grid(shape);
    const int64_t blockTiles = winogradBlockTiles(shape);
    const int64_t allTiles = shape.n * grid.perImage();
    float* scratch = args.scratch;
    float* zeros = takeFloats(scratch, shape.c);
    std::fill_n(zeros, shape.c, 0.0F);
    float* ignored = takeFloats(scratch, shape.k);
    const WinogradBlock in = takeBlock(scratch, blockTiles, shape.c);
    const WinogradBlock out = takeBlock(scratch, blockTiles, shape.k);
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
            image.pixels<winogradOut>(place.y, place.x, pixels);
            winogradTransforms().output(out.tile(t), out.stride, shape.k, args.epilogue, pixels);
        }
    }
}

int64_t winogradDataPackedSize(const ConvShape& shape)
{
    return winogradElements * tileKernels().packedSize(shape.k, shape.c);
}

int64_t winogradDataPackUnits(const ConvShape& shape)
{
    return tileKernels().panels(shape.c);
}

void winogradDataPack(const ConvShape& shape, const float* weights, float* packed, int64_t begin, int64_t end)
{
    const int64_t width = tileKernels().width;
    for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t channel = panel * width;
        const int64_t columns = std::min(width, shape.c - channel);
        packTransformed(shape.k, columns, packed + channel * shape.k,
            tileKernels().packedSize(shape.k, shape.c), [&](int64_t filter, int64_t tap, float* to) {
                const float* from = weights + (tap * shape.c + channel) * shape.k + filter;
                for (int64_t j = 0; j < columns; ++j)
                    to[j] = from[j * shape.k];
            });
    }
}

} // namespace gradloom::cpu
