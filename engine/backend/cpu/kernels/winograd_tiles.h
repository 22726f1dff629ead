#pragma once

#include "conv.h"
#include "tile.h"
#include "winograd_transforms.h"

#include <algorithm>
#include <cstdint>

namespace gradloom::cpu {

// How Winograd's passes cut images into tiles and tiles into blocks: shared by forward and both gradients.

/// How one side of the output is cut: into as few tiles of at most 4 pixels as possible, of sizes as equal as
/// possible, the larger ones first. 7 is 4 + 3 and not 4 + 4, which would waste a pixel's products.
struct WinogradAxis
{
    int64_t count = 0;
    int64_t big = winogradMaxOut; ///< side of the larger tiles; the others have one pixel less
    int64_t bigCount = 0;

    explicit WinogradAxis(int64_t outputs) : count((outputs + winogradMaxOut - 1) / winogradMaxOut)
    {
        if (count == 0)
            return;
        big = std::max<int64_t>((outputs + count - 1) / count, winogradMinOut);
        bigCount = std::clamp<int64_t>(outputs - count * (big - 1), 1, count);
    }
    bool isBig(int64_t tile) const { return tile < bigCount; }
    int64_t begin(int64_t tile) const { return tile * big - std::max<int64_t>(tile - bigCount, 0); }
    /// Interpolation points of all tiles together.
    int64_t points(int64_t taps) const { return count * (big + taps - 2) + bigCount; }
};

/// Where a tile lies: the image, the tile's first output pixel and its size.
struct WinogradPlace
{
    int64_t image, y, x;
    int rows, columns;
};

/// The tiles of all images, counted along columns, then rows, then images.
struct WinogradTiles
{
    WinogradAxis vertical, horizontal;

    explicit WinogradTiles(const ConvShape& shape) : vertical(shape.oh()), horizontal(shape.ow()) {}
    int64_t perImage() const { return vertical.count * horizontal.count; }
    WinogradPlace place(int64_t tile) const
    {
        const int64_t row = tile % perImage() / horizontal.count;
        const int64_t column = tile % horizontal.count;
        return {tile / perImage(), vertical.begin(row), horizontal.begin(column),
            static_cast<int>(vertical.big) - (vertical.isBig(row) ? 0 : 1),
            static_cast<int>(horizontal.big) - (horizontal.isBig(column) ? 0 : 1)};
    }
};

inline constexpr int64_t winogradMaxBlock = 96;

/// Some neighbouring tiles, sorted so that those with a certain element lie together: only large tiles have
/// the last point of a side. The order is high and narrow, high and wide, low and wide, low and narrow.
struct WinogradBatch
{
    WinogradPlace places[winogradMaxBlock];
    int64_t starts[5] = {}; ///< of each kind, and the number of tiles
    int rows, columns;      ///< of the largest tile

    WinogradBatch(const WinogradTiles& grid, int64_t firstTile, int64_t tiles)
        : rows(static_cast<int>(grid.vertical.big)), columns(static_cast<int>(grid.horizontal.big))
    {
        WinogradPlace unsorted[winogradMaxBlock];
        for (int64_t t = 0; t < tiles; ++t) {
            unsorted[t] = grid.place(firstTile + t);
            ++starts[kind(unsorted[t]) + 1];
        }
        for (int k = 1; k < 5; ++k)
            starts[k] += starts[k - 1];
        int64_t next[4];
        std::copy_n(starts, 4, next);
        for (int64_t t = 0; t < tiles; ++t)
            places[next[kind(unsorted[t])]++] = unsorted[t];
    }
    int64_t count() const { return starts[4]; }
    struct Range
    {
        int64_t begin, end;
        int64_t count() const { return end - begin; }
    };
    /// The tiles that have an element: one of the last row or column only if they are large.
    Range with(bool lastRow, bool lastColumn) const
    {
        return {lastColumn ? starts[1] : 0, lastRow ? starts[2] : lastColumn ? starts[3] : starts[4]};
    }

private:
    /// In the order above.
    int kind(const WinogradPlace& place) const
    {
        const bool wide = place.columns == columns;
        return place.rows == rows ? (wide ? 1 : 0) : (wide ? 2 : 3);
    }
};

/// How a convolution is brought to stride 1: with stride 2 the even and odd rows and columns of the input are
/// four images ("phases") with channels of their own, and the kernel falls into four small ones.
struct WinogradPhases
{
    int64_t stride;
    int64_t count;
    int64_t depth; ///< channels of all phases
    const WinogradForm* form;

    explicit WinogradPhases(const ConvShape& shape)
        : stride(shape.strideH), count(stride * stride), depth(count * shape.c),
          form(&winogradForm((shape.kh + stride - 1) / stride))
    {
    }
    int64_t row(int64_t phase) const { return phase / stride; }
    int64_t column(int64_t phase) const { return phase % stride; }
    /// Offset in the weights of a tap of a phase's kernel and its channel 0, filter 0; -1 where the phase's
    /// kernel ends before.
    int64_t tapOffset(const ConvShape& shape, int64_t phase, int64_t tap) const
    {
        const int64_t i = tap / form->taps * stride + row(phase);
        const int64_t j = tap % form->taps * stride + column(phase);
        return i < shape.kh && j < shape.kw ? (i * shape.kw + j) * shape.c * shape.k : -1;
    }
};

/// Some rows of an image, for finding pixels.
template <class Float>
struct WinogradImage
{
    Float* base; ///< row 0
    int64_t width, channels;
    Float* outside; ///< stands for pixels that are not in these rows
    int64_t rowBegin, rowEnd;

    /// Pointers to rows x columns pixels from (y, x) on, `step` apart.
    void pixels(int64_t y, int64_t x, int64_t step, int rows, int columns, Float** to) const
    {
        for (int i = 0; i < rows; ++i, y += step) {
            if (y < rowBegin || y >= rowEnd) {
                to = std::fill_n(to, columns, outside);
                continue;
            }
            Float* row = base + y * width * channels;
            for (int64_t j = x; j < x + columns * step; j += step)
                *to++ = j >= 0 && j < width ? row + j * channels : outside;
        }
    }
};

/// The transformed tiles of a block: element (i, j) of tile t is at (i * columns + j) * stride + t *
/// channels.
struct WinogradBlock
{
    float* data;
    int rows, columns; ///< points of the largest tile
    int64_t channels;
    int64_t stride;

    WinogradTile<float> tile(int64_t t, const WinogradPlace& place, const WinogradForm& form) const
    {
        return {data + t * channels, columns * stride, stride, place.rows + form.taps - 1,
            place.columns + form.taps - 1};
    }
    int64_t elements() const { return int64_t(rows) * columns; }
    float* element(int64_t e) const { return data + e * stride; }
    /// The tiles of the batch that have element e.
    WinogradBatch::Range tilesWith(int64_t e, const WinogradBatch& batch) const
    {
        return batch.with(e / columns == rows - 1, e % columns == columns - 1);
    }
};

/// Blocks of a convolution: how large they are, and cut from scratch memory.
struct WinogradBlocks
{
    int rows, columns; ///< points of the largest tile

    WinogradBlocks(const ConvShape& shape, const WinogradForm& form)
        : rows(points(shape.oh(), form)), columns(points(shape.ow(), form))
    {
    }
    int64_t elements() const { return int64_t(rows) * columns; }
    /// Floats of a block.
    int64_t size(int64_t tiles, int64_t channels) const { return elements() * strideFor(tiles, channels); }
    /// Carves a block and moves `scratch` on.
    WinogradBlock take(float*& scratch, int64_t tiles, int64_t channels) const
    {
        const WinogradBlock block{scratch, rows, columns, channels, strideFor(tiles, channels)};
        scratch += size(tiles, channels);
        return block;
    }

private:
    static int points(int64_t outputs, const WinogradForm& form)
    {
        return static_cast<int>(WinogradAxis(outputs).big) + form.taps - 1;
    }
    /// A line more than needed keeps the elements from competing for the same lines of a cache.
    static int64_t strideFor(int64_t tiles, int64_t channels) { return tiles * channels + 16; }
};

/// Carves `count` floats.
inline float* takeFloats(float*& scratch, int64_t count)
{
    float* floats = scratch;
    scratch += count;
    return floats;
}

/// Tiles whose transformed blocks fit the second-level cache: whole tiles of the microkernel.
inline int64_t winogradFittingTiles(const ConvShape& shape)
{
    constexpr int64_t cacheFloats = 160 * 1024;
    const WinogradPhases phases(shape);
    const int64_t fitting =
        cacheFloats / (WinogradBlocks(shape, *phases.form).elements() * (phases.depth + shape.k));
    return (std::clamp<int64_t>(fitting, 2 * maxTileRows, winogradMaxBlock - maxTileRows + 1) + maxTileRows -
               1) /
           maxTileRows * maxTileRows;
}

/// Tiles that are worked on at once: fewer than fit the cache where threads would have too few blocks to
/// share, and an even number of blocks where there are few.
inline int64_t winogradBlockTiles(const ConvShape& shape)
{
    constexpr int64_t minBlocks = 16;
    const int64_t all = shape.n * WinogradTiles(shape).perImage();
    const int64_t share = (all / minBlocks + maxTileRows - 1) / maxTileRows * maxTileRows;
    const int64_t tiles = std::clamp<int64_t>(share, 2 * maxTileRows, winogradFittingTiles(shape));
    const int64_t blocks = (all + tiles - 1) / tiles;
    if (blocks > 4)
        return tiles;
    const int64_t even = std::max<int64_t>((blocks + 1) / 2 * 2, 2);
    return std::max<int64_t>((all + even - 1) / even, 1);
}

/// Transforms the input of the tiles; `zeros` are c zeros.
void winogradInputs(const ConvShape& shape, const float* x, const WinogradBatch& batch, const float* zeros,
    const WinogradBlock& to);

/// to[e] = from[e] * B[e] for the tiles of a block, B packed in column panels.
void winogradMultiply(
    const WinogradBlock& from, const WinogradBatch& batch, const float* packed, const WinogradBlock& to);

} // namespace gradloom::cpu
