#include "winograd.h"

#include "conv_geometry.h"
#include "winograd_tiles.h"

namespace gradloom::cpu {

namespace {

/// Bands of rows wanted of a batch with few images, for threads to share.
constexpr int64_t minBands = 8;

/// What a unit of the data gradient writes: rows of one image, or some whole images.
struct DataPiece
{
    int64_t firstTile, lastTile; ///< of the whole batch
    int64_t image, images;
    int64_t rowBegin, rowEnd;
};

/// Cuts dx into units: whole images where there are enough of them, else bands of rows. Neighbouring bands
/// share a row of tiles, which both compute and of which each adds the rows that it owns.
class DataGrid
{
public:
    explicit DataGrid(const ConvShape& shape) : m_shape(shape), m_tiles(shape)
    {
        const int64_t n = std::max<int64_t>(shape.n, 1);
        m_images = std::clamp<int64_t>(winogradBlockTiles(shape) / m_tiles.perImage(), 1, n);
        if (m_images == 1)
            m_bands = std::clamp<int64_t>(minBands / n, 1, std::max<int64_t>(m_tiles.vertical.count / 4, 1));
        m_bandRows = (m_tiles.vertical.count + m_bands - 1) / m_bands;
        m_bands = (m_tiles.vertical.count + m_bandRows - 1) / m_bandRows;
    }

    int64_t count() const { return (m_shape.n + m_images - 1) / m_images * m_bands; }

    DataPiece piece(int64_t index) const
    {
        const int64_t image = index / m_bands * m_images;
        const int64_t images = std::min(m_images, m_shape.n - image);
        if (m_bands == 1)
            return {image * m_tiles.perImage(), (image + images) * m_tiles.perImage(), image, images, 0,
                m_shape.h};
        const int64_t band = index % m_bands;
        const int64_t begin = band * m_bandRows;
        const int64_t end = std::min(begin + m_bandRows, m_tiles.vertical.count);
        const int64_t firstTile = image * m_tiles.perImage();
        return {firstTile + std::max<int64_t>(begin - 1, 0) * m_tiles.horizontal.count,
            firstTile + end * m_tiles.horizontal.count, image, 1, band == 0 ? 0 : ownedFrom(begin),
            end == m_tiles.vertical.count ? m_shape.h : ownedFrom(end)};
    }

private:
    /// First row of dx that belongs to the band starting with this row of tiles.
    int64_t ownedFrom(int64_t tileRow) const
    {
        return std::clamp<int64_t>(
            m_tiles.vertical.begin(tileRow) * m_shape.strideH - m_shape.padTop, 0, m_shape.h);
    }

    ConvShape m_shape;
    WinogradTiles m_tiles;
    int64_t m_images = 1, m_bands = 1, m_bandRows = 1;
};

/// Transforms the gradients of the tiles' outputs into `to`: as many filters from `dy` on as `to` has
/// channels. Adds their sums to `sum` unless that is null.
void transformGradients(const ConvShape& shape, const float* dy, const WinogradBatch& batch,
    const float* zeros, const WinogradBlock& to, float* sum)
{
    const WinogradForm& form = *WinogradPhases(shape).form;
    for (int64_t t = 0; t < batch.count(); ++t) {
        const WinogradPlace& place = batch.places[t];
        const WinogradImage<const float> image{
            dy + place.image * shape.oh() * shape.ow() * shape.k, shape.ow(), shape.k, zeros, 0, shape.oh()};
        const float* pixels[winogradPixels];
        image.pixels(place.y, place.x, 1, place.rows, place.columns, pixels);
        form.gradient(pixels, to.channels, to.tile(t, place, form), sum);
    }
}

/// Adds the transformed products of a block to the rows of dx that the piece owns.
void addToInput(const ConvShape& shape, float* dx, const DataPiece& piece, const WinogradBatch& batch,
    float* ignored, const WinogradBlock& from)
{
    const WinogradPhases phases(shape);
    for (int64_t t = 0; t < batch.count(); ++t) {
        const WinogradPlace& place = batch.places[t];
        const WinogradImage<float> image{dx + place.image * shape.h * shape.w * shape.c, shape.w, shape.c,
            ignored, piece.rowBegin, piece.rowEnd};
        WinogradTile<const float> tile = from.tile(t, place, *phases.form);
        for (int64_t phase = 0; phase < phases.count; ++phase, tile.data += shape.c) {
            float* pixels[winogradMaxElements];
            image.pixels(place.y * phases.stride + phases.row(phase) - shape.padTop,
                place.x * phases.stride + phases.column(phase) - shape.padLeft, phases.stride, tile.rows,
                tile.columns, pixels);
            phases.form->addInput(tile, shape.c, pixels);
        }
    }
}

/// Where the products of a slice are summed.
struct ProductSum
{
    float* sum; ///< [elements, channels, ld]
    int64_t ld;
    bool accumulate; ///< add to what is there
};

/// sum[e] (+)= in[e]^T gradients[e] for all elements.
void addProducts(const WinogradBlock& in, const WinogradBlock& gradients, const WinogradBatch& batch,
    const ProductSum& target)
{
    const TileKernels& kernels = tileKernels();
    constexpr int64_t rowBlock = 8 * maxTileRows;
    const float* rows[rowBlock];
    const int64_t start = 0;
    TileCall call;
    call.rows = rows;
    call.segmentOffsets = &start;
    call.segmentCount = 1;
    call.step = in.channels;
    call.ldb = gradients.channels;
    call.ldc = target.ld;
    call.accumulate = target.accumulate;
    for (int64_t e = 0; e < in.elements(); ++e) {
        const WinogradBatch::Range range = in.tilesWith(e, batch);
        call.segmentLength = range.count();
        for (int64_t row = 0; row < in.channels; row += rowBlock) {
            call.rowCount = std::min(rowBlock, in.channels - row);
            for (int64_t r = 0; r < call.rowCount; ++r)
                rows[r] = in.element(e) + range.begin * in.channels + row + r;
            for (int64_t column = 0; column < gradients.channels; column += kernels.width) {
                call.columns = std::min<int64_t>(kernels.width, gradients.channels - column);
                call.b = gradients.element(e) + range.begin * gradients.channels + column;
                call.c = target.sum + (e * in.channels + row) * target.ld + column;
                kernels.run(call);
            }
        }
    }
}

/// Tiles of a block of the weight gradient, the depth of its products: more than fit the second-level cache,
/// because the sums, which may be large, are read and written once a block.
constexpr int64_t weightTiles = winogradMaxBlock;

/// Floats of one copy of the transformed gradient: the elements, then the bias.
int64_t weightSumSize(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    return WinogradBlocks(shape, *phases.form).elements() * phases.depth * shape.k + shape.k;
}

/// Filters of a slice: whole panels.
int64_t firstFilter(const ConvShape& shape, const ConvWeightSplit& split, int64_t slice)
{
    const int64_t panels = tileKernels().panels(shape.k);
    return std::min<int64_t>(panels * slice / split.slices * tileKernels().width, shape.k);
}

/// Images that are worked on together, and tiles at once, when both gradients are made. The blocks of both share the
/// second-level cache, so there are fewer tiles in one than the weight gradient alone takes.
struct JoinedBlocks
{
    int64_t images = 1;
    int64_t tiles = 0;

    explicit JoinedBlocks(const ConvShape& shape)
    {
        constexpr int64_t maxImages = 12;
        constexpr int64_t maxTiles = 48;
        const int64_t perImage = std::max<int64_t>(WinogradTiles(shape).perImage(), 1);
        for (int64_t count = 1; count <= maxImages; ++count) {
            const int64_t all = count * perImage;
            const int64_t blocks = (all + maxTiles - 1) / maxTiles;
            if (const int64_t share = (all + blocks - 1) / blocks; share > tiles) {
                tiles = share;
                images = count;
            }
        }
    }
};

} // namespace

int64_t winogradDataScratch(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    const int64_t tiles = winogradBlockTiles(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    return shape.k + shape.c + blocks.size(tiles, shape.k) + blocks.size(tiles, phases.depth);
}

int64_t winogradDataUnits(const ConvShape& shape)
{
    return DataGrid(shape).count();
}

void winogradBackwardData(const ConvShape& shape, const ConvDataArgs& args, int64_t begin, int64_t end)
{
    const DataGrid grid(shape);
    const WinogradTiles tiles(shape);
    const WinogradPhases phases(shape);
    const int64_t blockTiles = winogradBlockTiles(shape);
    float* scratch = args.scratch;
    float* zeros = takeFloats(scratch, shape.k);
    std::fill_n(zeros, shape.k, 0.0F);
    float* ignored = takeFloats(scratch, shape.c);
    std::fill_n(ignored, shape.c, 0.0F);
    const WinogradBlocks blocks(shape, *phases.form);
    const WinogradBlock gradients = blocks.take(scratch, blockTiles, shape.k);
    const WinogradBlock products = blocks.take(scratch, blockTiles, phases.depth);
    const int64_t rowSize = shape.w * shape.c;
    for (int64_t unit = begin; unit < end; ++unit) {
        const DataPiece piece = grid.piece(unit);
        // Several images only with all of their rows.
        float* rows = args.dx + (piece.image * shape.h + piece.rowBegin) * rowSize;
        const int64_t count = (piece.images - 1) * shape.h + piece.rowEnd - piece.rowBegin;
        std::fill_n(rows, count * rowSize, 0.0F);
        for (int64_t tile = piece.firstTile; tile < piece.lastTile; tile += blockTiles) {
            const WinogradBatch batch(tiles, tile, std::min(blockTiles, piece.lastTile - tile));
            transformGradients(shape, args.dy, batch, zeros, gradients, nullptr);
            winogradMultiply(gradients, batch, args.packed, products);
            addToInput(shape, args.dx, piece, batch, ignored, products);
        }
        applyEpilogue(rows, count * shape.w, shape.c, args.epilogue);
    }
}

ConvWeightSplit winogradWeightSplit(const ConvShape& shape, int threads)
{
    // As for direct convolution: copies of a large gradient cost more than reading the batch once a slice.
    constexpr int64_t maxPartials = int64_t(4) << 20;
    ConvWeightSplit split;
    if (weightSumSize(shape) * threads <= maxPartials)
        split.parts =
            std::clamp<int64_t>(threads, 1, std::max<int64_t>(shape.n * WinogradTiles(shape).perImage(), 1));
    if (split.parts < threads)
        split.slices =
            std::clamp<int64_t>((threads + split.parts - 1) / split.parts, 1, tileKernels().panels(shape.k));
    return split;
}

int64_t winogradWeightPartials(const ConvShape& shape, const ConvWeightSplit& split)
{
    return split.parts * weightSumSize(shape);
}

int64_t winogradWeightScratch(const ConvShape& shape)
{
    // The microkernel reads whole panels of the gradients, up to a panel past their end.
    const WinogradPhases phases(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    return std::max(shape.c, shape.k) + blocks.size(weightTiles, phases.depth) +
           blocks.size(weightTiles, shape.k) + tileKernels().width;
}

void winogradBackwardWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    int64_t begin, int64_t end)
{
    const WinogradPhases phases(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    const WinogradTiles tiles(shape);
    const int64_t allTiles = shape.n * tiles.perImage();
    for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t part = unit / split.slices;
        const int64_t filter = firstFilter(shape, split, unit % split.slices);
        const int64_t filters = firstFilter(shape, split, unit % split.slices + 1) - filter;
        float* scratch = args.scratch;
        float* zeros = takeFloats(scratch, std::max(shape.c, shape.k));
        std::fill_n(zeros, std::max(shape.c, shape.k), 0.0F);
        const WinogradBlock in = blocks.take(scratch, weightTiles, phases.depth);
        const WinogradBlock gradients = blocks.take(scratch, weightTiles, filters);
        float* sum = args.partials + part * weightSumSize(shape) + filter;
        float* bias = sum + weightSumSize(shape) - shape.k;
        std::fill_n(bias, filters, 0.0F);
        const int64_t first = allTiles * part / split.parts;
        const int64_t last = allTiles * (part + 1) / split.parts;
        // An empty batch still has to write its zeros.
        for (int64_t tile = first; tile < last || tile == first; tile += weightTiles) {
            const WinogradBatch batch(tiles, tile, std::min(weightTiles, last - tile));
            winogradInputs(shape, args.x, batch, zeros, in);
            transformGradients(shape, args.dy + filter, batch, zeros, gradients, bias);
            addProducts(in, gradients, batch, {sum, shape.k, tile > first});
        }
    }
}

bool prefersJoinedGradients(const ConvShape& shape, int threads)
{
    constexpr int64_t evenlyShared = 8; // images of a thread: one more or less does not matter
    const ConvWeightSplit split = winogradWeightSplit(shape, threads);
    return prefersWinograd(shape) && split.slices == 1 &&
           (shape.n % split.parts == 0 || shape.n >= evenlyShared * split.parts);
}

int64_t winogradGradientsScratch(const ConvShape& shape)
{
    const WinogradPhases phases(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    const int64_t tiles = JoinedBlocks(shape).tiles;
    return std::max(shape.c, shape.k) + shape.c + blocks.size(tiles, phases.depth) + blocks.size(tiles, shape.k) +
           tileKernels().width;
}

void winogradGradients(const ConvShape& shape, const ConvWeightSplit& split, const WinogradGradientArgs& args,
    int64_t begin, int64_t end)
{
    const WinogradPhases phases(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    const WinogradTiles tiles(shape);
    const JoinedBlocks joined(shape);
    float* scratch = args.scratch;
    float* zeros = takeFloats(scratch, std::max(shape.c, shape.k));
    std::fill_n(zeros, std::max(shape.c, shape.k), 0.0F);
    float* ignored = takeFloats(scratch, shape.c);
    std::fill_n(ignored, shape.c, 0.0F);
    // Products for dx, then the transformed x.
    const WinogradBlock in = blocks.take(scratch, joined.tiles, phases.depth);
    const WinogradBlock gradients = blocks.take(scratch, joined.tiles, shape.k);
    const int64_t imageSize = shape.h * shape.w * shape.c;
    for (int64_t part = begin; part < end; ++part) {
        float* sum = args.partials + part * weightSumSize(shape);
        float* bias = sum + weightSumSize(shape) - shape.k;
        std::fill_n(sum, weightSumSize(shape), 0.0F);
        const int64_t last = shape.n * (part + 1) / split.parts;
        for (int64_t image = shape.n * part / split.parts; image < last; image += joined.images) {
            const int64_t images = std::min(joined.images, last - image);
            const DataPiece piece{image * tiles.perImage(), (image + images) * tiles.perImage(), image, images, 0,
                shape.h};
            std::fill_n(args.dx + image * imageSize, images * imageSize, 0.0F);
            for (int64_t tile = piece.firstTile; tile < piece.lastTile; tile += joined.tiles) {
                const WinogradBatch batch(tiles, tile, std::min(joined.tiles, piece.lastTile - tile));
                transformGradients(shape, args.dy, batch, zeros, gradients, bias);
                winogradMultiply(gradients, batch, args.packed, in);
                addToInput(shape, args.dx, piece, batch, ignored, in);
                winogradInputs(shape, args.x, batch, zeros, in);
                addProducts(in, gradients, batch, {sum, shape.k, true});
            }
        }
    }
}

int64_t winogradReduceUnits(const ConvShape& shape)
{
    return WinogradPhases(shape).depth;
}

void winogradReduceWeights(const ConvShape& shape, const ConvWeightSplit& split, const ConvWeightArgs& args,
    int64_t begin, int64_t end)
{
    const WinogradPhases phases(shape);
    const WinogradBlocks blocks(shape, *phases.form);
    const int64_t size = weightSumSize(shape);
    const int64_t stride = phases.depth * shape.k;
    for (int64_t row = begin; row < end; ++row) {
        float* taps[winogradMaxTaps];
        for (int64_t tap = 0; tap < phases.form->taps * phases.form->taps; ++tap) {
            const int64_t offset = phases.tapOffset(shape, row / shape.c, tap);
            taps[tap] = offset < 0 ? nullptr : args.dw + offset + row % shape.c * shape.k;
        }
        const WinogradTile<const float> sum{
            args.partials + row * shape.k, blocks.columns * stride, stride, blocks.rows, blocks.columns};
        phases.form->weightGradient({sum, split.parts, size}, shape.k, taps, args.accumulate);
    }
    if (begin > 0 || begin == end || args.db == nullptr)
        return;
    for (int64_t k = 0; k < shape.k; ++k) {
        float total = args.accumulate ? args.db[k] : 0.0F;
        for (int64_t part = 0; part < split.parts; ++part)
            total += args.partials[(part + 1) * size - shape.k + k];
        args.db[k] = total;
    }
}

} // namespace gradloom::cpu
