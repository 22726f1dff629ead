#pragma once

#include <cstdint>

namespace gradloom::cpu {

/// Sizes of a change of height and width, [n, h, w, c] to [n, oh, ow, c].
struct ResizeShape
{
    std::int64_t n = 0, h = 0, w = 0, c = 0;
    std::int64_t oh = 0, ow = 0;
    bool bilinear = false; ///< else the nearest pixel
};

// Pixel i covers [i, i + 1) and its centre is at i + 1/2: PyTorch's align_corners=False. Nearest takes pixel
// floor(i * h / oh), as PyTorch does. Units: output rows of all images forward, input rows backward.

std::int64_t resizeUnits(const ResizeShape& shape);
/// y[n, oh, ow, c] from x[n, h, w, c].
void resize(const ResizeShape& shape, const float* x, float* y, std::int64_t begin, std::int64_t end);

std::int64_t resizeGradUnits(const ResizeShape& shape);
/// dx[n, h, w, c], overwritten, from dy[n, oh, ow, c].
void resizeGrad(const ResizeShape& shape, const float* dy, float* dx, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
