#include "engine/data/restore.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradloom::data {

Tensor restorePictures(const Preprocess& preprocess, float valueMaximum, const Tensor& made)
{
    Tensor pictures(made.shape(), DType::U8);
    const auto channels = static_cast<size_t>(made.shape()[-1]);
    const std::span<const float> values = made.floats();
    const std::span<uint8_t> bytes = pictures.as<uint8_t>();
    const auto at = [](const std::vector<float>& list, size_t channel, float fallback) {
        return list.empty() ? fallback : list[std::min(channel, list.size() - 1)];
    };
    const float white = 255.0F / (preprocess.scale * valueMaximum);
    for (size_t i = 0; i < values.size(); ++i) {
        const size_t channel = i % channels;
        const float stored = values[i] * at(preprocess.deviation, channel, 1) + at(preprocess.mean, channel, 0);
        const float value = std::isfinite(stored) ? stored * white : 0;
        bytes[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0F, 255.0F)));
    }
    return pictures;
}

Tensor pictureGrid(const Tensor& pictures, int64_t columns, uint8_t gap)
{
    const Shape& shape = pictures.shape();
    const int64_t count = shape[0], height = shape[1], width = shape[2], channels = shape[3];
    columns = std::clamp<int64_t>(columns, 1, std::max<int64_t>(count, 1));
    const int64_t rows = (count + columns - 1) / columns;
    Tensor grid(Shape{rows * (height + 1) - 1, columns * (width + 1) - 1, channels}, DType::U8);
    const std::span<uint8_t> target = grid.as<uint8_t>();
    const std::span<const uint8_t> source = pictures.as<uint8_t>();
    std::fill(target.begin(), target.end(), gap);
    const int64_t line = width * channels;
    for (int64_t i = 0; i < count; ++i)
        for (int64_t y = 0; y < height; ++y) {
            const int64_t row = i / columns * (height + 1) + y;
            const int64_t to = (row * grid.shape()[1] + i % columns * (width + 1)) * channels;
            std::memcpy(&target[static_cast<size_t>(to)], &source[static_cast<size_t>((i * height + y) * line)],
                static_cast<size_t>(line));
        }
    return grid;
}

} // namespace gradloom::data
