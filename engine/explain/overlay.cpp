#include "engine/explain/overlay.h"

#include "engine/data/image.h"
#include "engine/explain/colormap.h"

#include <cmath>
#include <cstring>

namespace gradloom::explain {

namespace {

/// Red, green and blue of a pixel in 0..1.
std::array<float, 3> pixel(const Tensor& picture, int64_t index, float maximum)
{
    const int64_t channels = picture.shape()[2];
    const auto value = [&](int64_t channel) {
        const auto at = static_cast<size_t>(index * channels + channel);
        const float stored =
            picture.dtype() == DType::U8 ? picture.as<uint8_t>()[at] : picture.as<float>()[at];
        return std::clamp(stored / maximum, 0.0f, 1.0f);
    };
    if (channels < 3)
        return {value(0), value(0), value(0)};
    return {value(0), value(1), value(2)};
}

Tensor reshaped(const Tensor& tensor, const Shape& shape)
{
    Tensor result(shape);
    std::memcpy(result.data(), tensor.data(), static_cast<size_t>(tensor.bytes()));
    return result;
}

Tensor resized(const Tensor& map, int64_t height, int64_t width)
{
    const Tensor channelled = reshaped(map, Shape{map.shape()[0], map.shape()[1], 1});
    return reshaped(data::resizeImage(channelled, height, width), Shape{height, width});
}

} // namespace

Tensor heatOf(const Tensor& map, int64_t height, int64_t width)
{
    Tensor heat = resized(map, height, width);
    float highest = 0;
    for (float& value : heat.floats()) {
        value = value > 0 && std::isfinite(value) ? value : 0.0f;
        highest = std::max(highest, value);
    }
    if (highest > 0)
        for (float& value : heat.floats())
            value /= highest;
    return heat;
}

Tensor overlay(const Tensor& picture, const Tensor& heat, float maximum, const OverlayOptions& options)
{
    const int64_t height = picture.shape()[0];
    const int64_t width = picture.shape()[1];
    const int64_t scale = options.scale;
    const Tensor large = scale == 1 ? heat : resized(heat, height * scale, width * scale);
    Tensor result(Shape{height * scale, width * scale, 3}, DType::U8);
    const auto out = result.as<uint8_t>();
    for (int64_t y = 0; y < height * scale; ++y)
        for (int64_t x = 0; x < width * scale; ++x) {
            const auto at = static_cast<size_t>(y * width * scale + x);
            const float hot = std::clamp(large.floats()[at], 0.0f, 1.0f);
            // The blend follows the heat, so that what does not matter keeps its own look; the root keeps
            // weak heat visible.
            const float share = options.strength * std::sqrt(hot);
            const auto base = pixel(picture, (y / scale) * width + x / scale, maximum);
            const auto colour = turbo(hot);
            for (size_t c = 0; c < 3; ++c)
                out[at * 3 + c] =
                    static_cast<uint8_t>((base[c] * (1 - share) + colour[c] * share) * 255.0f + 0.5f);
        }
    return result;
}

} // namespace gradloom::explain
