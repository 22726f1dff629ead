#pragma once

#include "engine/layers/layer_options.h"

namespace gradloom::layers {

/// Zeros around the first `axes` dimensions of a sample (1: steps, 2: pictures).
LayerType zeroPadLayer(size_t axes, std::string id, std::string title);
/// Cuts the border of the first `axes` dimensions of a sample off.
LayerType cropLayer(size_t axes, std::string id, std::string title);

} // namespace gradloom::layers
