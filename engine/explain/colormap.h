#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace gradloom::explain {

/// The colour map "turbo" for heat maps: 0 is dark blue, 1 dark red; values outside are clamped. Red, green,
/// blue in 0..1. Source: Mikhailov, "Turbo, an improved rainbow colormap for visualization", 2019; his
/// polynomial approximation.
inline std::array<float, 3> turbo(float value)
{
    const float x = value > 0 ? std::min(value, 1.0f) : 0.0f; // NaN becomes 0
    const auto polynomial = [x](float c0, float c1, float c2, float c3, float c4, float c5) {
        return std::clamp(c0 + x * (c1 + x * (c2 + x * (c3 + x * (c4 + x * c5)))), 0.0f, 1.0f);
    };
    return {polynomial(0.13572138f, 4.61539260f, -42.66032258f, 132.13108234f, -152.94239396f, 59.28637943f),
        polynomial(0.09140261f, 2.19418839f, 4.84296658f, -14.18503333f, 4.27729857f, 2.82956604f),
        polynomial(0.10667330f, 12.64194608f, -60.58204836f, 110.36276771f, -89.90310912f, 27.34824973f)};
}

/// The same as bytes.
inline std::array<uint8_t, 3> turboBytes(float value)
{
    const auto colour = turbo(value);
    std::array<uint8_t, 3> bytes{};
    for (size_t i = 0; i < 3; ++i)
        bytes[i] = static_cast<uint8_t>(colour[i] * 255.0f + 0.5f);
    return bytes;
}

} // namespace gradloom::explain
