#pragma once

#include "engine/layers/window_options.h"

namespace gradloom::layers {

/// A pooling over `axes` dimensions (1: steps, 2: pictures, 3: volumes); `maximum` keeps the largest number
/// of each window, otherwise its mean over what is not padding.
LayerType poolingLayer(size_t axes, bool maximum, std::string id, std::string title);

/// The largest number of each channel over all of `axes` dimensions.
LayerType globalMaxPoolLayer(size_t axes, std::string id, std::string title);

} // namespace gradloom::layers
