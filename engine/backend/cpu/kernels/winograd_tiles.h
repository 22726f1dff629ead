#pragma once

#include "conv.h"
#include "tile.h"
#include "winograd_transforms.h"

#include <algorithm>
#include <cstdint>

namespace gradloom::cpu {

// How Winograd's passes cut images into tiles and tiles into blocks: shared by forward and both gradients.

/// Where a tile lies: the image and the tile's first output pixel.
struct WinogradPlace
{
    int64_t image, y, x;
};

/// The tiles of 4 x 4 output pixels, counted along columns, then rows, then images.
struct WinogradTiles
{
    int64_t rows, columns;

    explicit WinogradTiles(const ConvShape& shape)
        : rows((shape.oh() + winogradOut - 1) / winogradOut),
          columns((shape.ow() + winogradOut - 1) / winogradOut)
    {
    }
    int64_t perImage() const { return rows * columns; }
    WinogradPlace place(int64_t tile) const
    {
        return {tile / perImage(), tile % perImage() / columns * winogradOut, tile % columns * winogradOut};
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

    /// Pointers to the side x side pixels from (y, x) on, `step` apart.
    void pixels(int64_t y, int64_t x, int64_t step, int64_t side, Float** to) const
    {
        for (int64_t i = y; i < y + side * step; i += step)
            for (int64_t j = x; j < x + side * step; j += step) {
                const bool inside = i >= rowBegin && i < rowEnd && j >= 0 && j < width;
                *to++ = inside ? base + (i * width + j) * channels : outside;
            }
    }
};

/// The elements of the transformed tiles of a block: element e of tile t is at e * stride + t * channels.
struct WinogradBlock
{
    float* data;
    int64_t elements;
    int64_t channels;
    int64_t stride;

    /// A line more than needed keeps the elements from competing for the same lines of a cache.
    static int64_t strideFor(int64_t tiles, int64_t channels) { return tiles * channels + 16; }
    float* tile(int64_t t) const { return data + t * channels; }
    float* element(int64_t e) const { return data + e * stride; }
};

/// Floats of a block.
inline int64_t winogradBlockSize(const WinogradForm& form, int64_t tiles, int64_t channels)
{
    return form.elements() * WinogradBlock::strideFor(tiles, channels);
}

/// Carves a block from scratch memory and moves it on.
inline WinogradBlock takeBlock(float*& scratch, const WinogradForm& form, int64_t tiles, int64_t channels)
{
    const WinogradBlock block{scratch, form.elements(), channels, WinogradBlock::strideFor(tiles, channels)};
    scratch += winogradBlockSize(form, tiles, channels);
    return block;
}

/// Carves `count` floats.
inline float* takeFloats(float*& scratch, int64_t count)
{
    float* floats = scratch;
    scratch += count;
    return floats;
}

inline constexpr int64_t winogradMaxBlock = 96;

/// Tiles whose transformed blocks fit the second-level cache: whole tiles of the microkernel.
inline int64_t winogradFittingTiles(const ConvShape& shape)
{
    constexpr int64_t cacheFloats = 160 * 1024;
    const WinogradPhases phases(shape);
    const int64_t fitting = cacheFloats / (phases.form->elements() * (phases.depth + shape.k));
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

/// Transforms the input of `tiles` tiles from `firstTile` on; `zeros` are c zeros.
void winogradInputs(const ConvShape& shape, const float* x, int64_t firstTile, int64_t tiles,
    const float* zeros, const WinogradBlock& to);

/// to[e] = from[e] * B[e] for the tiles of a block, B packed in column panels.
void winogradMultiply(const WinogradBlock& from, int64_t tiles, const float* packed, const WinogradBlock& to);

} // namespace gradloom::cpu
