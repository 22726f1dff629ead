#pragma once

#include "engine/tensor/tensor.h"

namespace gradloom::explain {

/// A picture with a heat map laid over it, U8 H×W×3.
struct OverlayOptions
{
    float strength = 0.5f; ///< 0: the picture alone, 1: where it is hot, the heat alone
    int64_t scale = 1;     ///< enlarges: the picture by whole pixels, the heat smoothly
};

/// `picture` is U8 or F32 (0 .. `maximum`) H×W×C with one, three or four channels, `heat` F32 H×W in 0..1.
/// Where the heat is low the picture shows through.
Tensor overlay(const Tensor& picture, const Tensor& heat, float maximum, const OverlayOptions& options = {});

/// `map` (F32 h×w) resized to height×width, bilinear, and scaled so that the largest value is 1; negative
/// values become 0.
Tensor heatOf(const Tensor& map, int64_t height, int64_t width);

} // namespace gradloom::explain
