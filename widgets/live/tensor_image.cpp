#include "widgets/live/tensor_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradloom::widgets {

namespace {

constexpr int64_t largestSide = 4096; ///< of a map; anything above is no activation

template <size_t N>
double polynomial(const double (&c)[N], double x)
{
    double value = 0;
    for (size_t i = N; i-- > 0;)
        value = value * x + c[i];
    return std::clamp(value, 0.0, 1.0);
}

template <size_t N>
std::array<QRgb, 256> table(const double (&red)[N], const double (&green)[N], const double (&blue)[N])
{
    std::array<QRgb, 256> colors{};
    for (size_t i = 0; i < colors.size(); ++i) {
        const double x = static_cast<double>(i) / 255;
        const auto part = [x](const double(&c)[N]) {
            return static_cast<int>(std::lround(255 * polynomial(c, x)));
        };
        colors[i] = qRgb(part(red), part(green), part(blue));
    }
    return colors;
}

struct MapGeometry
{
    int64_t height = 0;
    int64_t width = 0;
    int64_t channels = 0;
    bool sequence = false; ///< steps × features, shown with the steps from left to right

    size_t place(int64_t y, int64_t x, int64_t channel) const
    {
        return static_cast<size_t>(sequence ? x * height + y : (y * width + x) * channels + channel);
    }
};

MapGeometry geometryOf(const Tensor& tensor)
{
    const Shape& shape = tensor.shape();
    MapGeometry geometry;
    if (tensor.dtype() != DType::F32 || tensor.empty())
        return geometry;
    if (shape.rank() == 3)
        geometry = {shape[0], shape[1], shape[2]};
    else if (shape.rank() == 2)
        geometry = {shape[1], shape[0], 1, true};
    if (geometry.height < 1 || geometry.width < 1 || geometry.height > largestSide ||
        geometry.width > largestSide)
        return {};
    return geometry;
}

/// Paints one channel at (left, top), scaled from its own smallest to its own largest value.
void paintMap(const Tensor& tensor, const MapGeometry& g, int64_t channel, QImage& image, int left, int top)
{
    const std::span<const float> values = tensor.floats();
    float low = INFINITY, high = -INFINITY;
    for (int64_t i = channel; i < static_cast<int64_t>(values.size()); i += g.channels) {
        const float value = values[static_cast<size_t>(i)];
        if (std::isfinite(value)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    }
    const float scale = high > low ? 255 / (high - low) : 0;
    for (int64_t y = 0; y < g.height; ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(top + static_cast<int>(y))) + left;
        for (int64_t x = 0; x < g.width; ++x) {
            const float value = values[g.place(y, x, channel)];
            const float step = std::isfinite(value) ? (value - low) * scale : 0;
            line[x] = viridis()[static_cast<size_t>(std::clamp(step, 0.0f, 255.0f))];
        }
    }
}

} // namespace

const std::array<QRgb, 256>& viridis()
{
    // Polynomial fit by Matt Zucker (public domain), within one step of the published table.
    static const auto colors = table<7>(
        {0.2777273272, 0.1050930431, -0.3308618287, -4.6342304990, 6.2282699363, 4.7763849977, -5.4354558559},
        {0.0054073445, 1.4046135299, 0.2148475595, -5.7991009734, 14.1799333668, -13.7451453777,
            4.6458526122},
        {0.3340998053, 1.3845901626, 0.0950951630, -19.3324409563, 56.6905526007, -65.3530326334,
            26.3124352496});
    return colors;
}

QSize mapSize(const Tensor& activation)
{
    const MapGeometry g = geometryOf(activation);
    return {static_cast<int>(g.width), static_cast<int>(g.height)};
}

int mapCount(const Tensor& activation)
{
    return static_cast<int>(geometryOf(activation).channels);
}

QImage mapAtlas(const Tensor& activation, int columns)
{
    const MapGeometry g = geometryOf(activation);
    if (g.channels < 1 || columns < 1)
        return {};
    const int cellWidth = static_cast<int>(g.width) + 1, cellHeight = static_cast<int>(g.height) + 1;
    const int rows = (static_cast<int>(g.channels) + columns - 1) / columns;
    QImage image(columns * cellWidth - 1, rows * cellHeight - 1, QImage::Format_RGB32);
    image.fill(Qt::black);
    for (int64_t c = 0; c < g.channels; ++c)
        paintMap(activation, g, c, image, static_cast<int>(c) % columns * cellWidth,
            static_cast<int>(c) / columns * cellHeight);
    return image;
}

QImage activationStrip(const Tensor& activation, int maps, QSize size)
{
    const MapGeometry g = geometryOf(activation);
    const int count = std::min(maps, static_cast<int>(g.channels));
    if (count < 1 || size.isEmpty())
        return {};
    QImage strip(size, QImage::Format_ARGB32_Premultiplied);
    strip.fill(Qt::transparent);
    const int gap = size.width() / (count * 12);
    QImage map(static_cast<int>(g.width), static_cast<int>(g.height), QImage::Format_RGB32);
    for (int i = 0; i < count; ++i) {
        paintMap(activation, g, i, map, 0, 0);
        const int left = size.width() * i / count;
        const int right = size.width() * (i + 1) / count - (i + 1 < count ? gap : 0);
        // Nearest neighbour by hand: a strip is small, and the picture is copied into place without a
        // painter.
        for (int y = 0; y < size.height(); ++y) {
            const auto* source =
                reinterpret_cast<const QRgb*>(map.constScanLine(y * map.height() / size.height()));
            auto* target = reinterpret_cast<QRgb*>(strip.scanLine(y));
            for (int x = left; x < right; ++x)
                target[x] = source[(x - left) * map.width() / (right - left)];
        }
    }
    return strip;
}

QImage inputPicture(const Tensor& sample)
{
    const Shape& shape = sample.shape();
    const int64_t channels = shape.rank() == 3 ? shape[2] : 1;
    if (sample.empty() || shape.rank() < 2 || shape.rank() > 3 || (channels != 1 && channels != 3) ||
        shape[0] > largestSide || shape[1] > largestSide || sample.dtype() == DType::I32)
        return {};
    QImage image(static_cast<int>(shape[1]), static_cast<int>(shape[0]), QImage::Format_RGB32);
    float low = 0, scale = 1;
    if (sample.dtype() == DType::F32) {
        const auto [least, most] = std::minmax_element(sample.floats().begin(), sample.floats().end());
        low = *least;
        scale = *most > *least ? 255 / (*most - *least) : 0;
    }
    const auto value = [&](size_t i) {
        if (sample.dtype() == DType::U8)
            return static_cast<int>(sample.as<uint8_t>()[i]);
        const float step = (sample.floats()[i] - low) * scale;
        return std::isfinite(step) ? static_cast<int>(std::clamp(step, 0.0f, 255.0f)) : 0;
    };
    size_t i = 0;
    for (int y = 0; y < image.height(); ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < image.width(); ++x, i += static_cast<size_t>(channels))
            line[x] = channels == 3 ? qRgb(value(i), value(i + 1), value(i + 2))
                                    : qRgb(value(i), value(i), value(i));
    }
    return image;
}

QImage enlarged(const QImage& picture, QSize size)
{
    if (picture.isNull() || size.isEmpty())
        return {};
    return picture.scaled(size, Qt::IgnoreAspectRatio, Qt::FastTransformation)
        .convertToFormat(QImage::Format_RGB32);
}

} // namespace gradloom::widgets
