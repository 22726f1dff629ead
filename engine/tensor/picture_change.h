#pragma once

#include "engine/base/philox.h"

#include <cstring>

/// How augmentation changes a picture of height×width×channels numbers, element by element, as the primitive
/// `augment` does; the loader (engine/data/augment.cpp) shares where a pixel comes from and the noise and does the
/// rest row by row, and a test holds the two together. Which numbers are drawn is a matter of engine/data.
namespace gradloom {

/// What becomes of one picture, in this order: it is moved, made brighter, gets noise, a rectangle is
/// blanked, and it is mixed with others. The default leaves it as it is. Plain floats: a row of a table.
struct PictureChange
{
    float share = 1; ///< of the result that several pictures are mixed to
    /// A pixel takes the value of the place middle + matrix·((y, x) − middle − shift); matrix is row by row.
    float matrix[4] = {1, 0, 0, 1};
    float shift[2] = {0, 0};
    float mirrored[2] = {0, 0};    ///< above zero: top and bottom, left and right change places
    float brightness = 0;          ///< added to all pixels, in units of a channel
    float noise = 0;               ///< standard deviation, in units of a channel
    float blank[4] = {0, 0, 0, 0}; ///< first row, first column, row behind, column behind of zeros

    static constexpr int64_t floats = 15;
};
static_assert(sizeof(PictureChange) == PictureChange::floats * sizeof(float));

/// Where the noise of a picture begins in the stream of random numbers of its sample: a row of a table.
struct NoisePlace
{
    int32_t words[5] = {}; ///< seed and stream (low, high), numbers taken before

    static constexpr int64_t integers = 5;

    NoisePlace() = default;
    NoisePlace(uint64_t seed, uint64_t stream, uint64_t position)
        : words{low(seed), low(seed >> 32), low(stream), low(stream >> 32), low(position)}
    {
    }
    static int32_t low(uint64_t word) { return static_cast<int32_t>(static_cast<uint32_t>(word)); }
    GRADLOOM_DEVICE uint64_t wide(int first) const
    {
        return static_cast<uint64_t>(static_cast<uint32_t>(words[first + 1])) << 32 |
               static_cast<uint32_t>(words[first]);
    }
    /// Normal number `index`: what Random::normal gives then.
    GRADLOOM_DEVICE float normal(int64_t index) const
    {
        const uint64_t first = static_cast<uint32_t>(words[4]) + 2 * static_cast<uint64_t>(index);
        const RandomBlock block = Random::block(wide(0), wide(2), first / 4);
        const auto place = static_cast<int>(first % 4);
        const uint32_t second =
            place < 3 ? block.word[place + 1] : Random::block(wide(0), wide(2), first / 4 + 1).word[0];
        return normalOf(block.word[place], second);
    }
};

struct PictureShape
{
    int64_t height, width, channels;
};

/// The four pixels that a value is taken from, and their shares.
struct PictureSource
{
    int64_t first;      ///< place of the upper left one in the picture
    int64_t toRight;    ///< distance of its right neighbour
    int64_t toBelow;    ///< and of the one below
    float right, below; ///< shares of the right ones and of the ones below

    /// For the pixel (y, x). Beyond the edge the edge goes on.
    GRADLOOM_DEVICE PictureSource(
        const PictureChange& change, const PictureShape& shape, int64_t y, int64_t x)
    {
        const float lastY = static_cast<float>(shape.height) - 1;
        const float lastX = static_cast<float>(shape.width) - 1;
        const float dy = static_cast<float>(y) - lastY / 2 - change.shift[0];
        const float dx = static_cast<float>(x) - lastX / 2 - change.shift[1];
        float fromY = lastY / 2 + change.matrix[0] * dy + change.matrix[1] * dx;
        float fromX = lastX / 2 + change.matrix[2] * dy + change.matrix[3] * dx;
        fromY = within(change.mirrored[0] > 0 ? lastY - fromY : fromY, lastY);
        fromX = within(change.mirrored[1] > 0 ? lastX - fromX : fromX, lastX);
        const auto top = static_cast<int64_t>(fromY);
        const auto left = static_cast<int64_t>(fromX);
        first = (top * shape.width + left) * shape.channels;
        toRight = left + 1 < shape.width ? shape.channels : 0;
        toBelow = top + 1 < shape.height ? shape.width * shape.channels : 0;
        below = fromY - static_cast<float>(top);
        right = fromX - static_cast<float>(left);
    }

    static GRADLOOM_DEVICE float within(float v, float last) { return v > 0 ? (v < last ? v : last) : 0; }

    /// The value of channel `c`.
    GRADLOOM_DEVICE float value(const float* picture, int64_t c) const
    {
        const float* at = picture + first + c;
        return (1 - below) * ((1 - right) * at[0] + right * at[toRight]) +
               below * ((1 - right) * at[toBelow] + right * at[toBelow + toRight]);
    }
};

/// The tables that the primitive `augment` reads, see engine/ir/ops/augment.cpp: `views` pictures are mixed
/// to each result.
struct AugmentTables
{
    int64_t views, height, width, channels;
    const float* pictures; ///< N×views×height×width×channels
    const float* changes;  ///< N×views×(PictureChange, unit of each channel)
    const int32_t* noise;  ///< N×views×NoisePlace

    /// A number of the result.
    GRADLOOM_DEVICE float result(int64_t n, int64_t y, int64_t x, int64_t c) const
    {
        float sum = 0;
        for (int64_t view = n * views; view < (n + 1) * views; ++view) {
            const float* row = changes + view * (PictureChange::floats + channels);
            PictureChange change;
            memcpy(static_cast<void*>(&change), row, sizeof change);
            sum += change.share * changed(change, view, y, x, c, row[PictureChange::floats + c]);
        }
        return sum;
    }

private:
    GRADLOOM_DEVICE float changed(
        const PictureChange& change, int64_t view, int64_t y, int64_t x, int64_t c, float unit) const
    {
        const auto row = static_cast<float>(y);
        const auto column = static_cast<float>(x);
        if (row >= change.blank[0] && row < change.blank[2] && column >= change.blank[1] &&
            column < change.blank[3])
            return 0;
        const PictureSource source(change, {height, width, channels}, y, x);
        float value = source.value(pictures + view * height * width * channels, c);
        value += change.brightness * unit;
        if (change.noise == 0)
            return value;
        NoisePlace place;
        memcpy(place.words, noise + view * NoisePlace::integers, sizeof place.words);
        return value + change.noise * place.normal((y * width + x) * channels + c) * unit;
    }
};

} // namespace gradloom
