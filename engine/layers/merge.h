#pragma once

#include "engine/layers/layer_options.h"

namespace gradloom::layers {

/// A layer that joins any number of tensors of one shape number by number with the binary function `fn`;
/// `divide` takes the mean of what it gives.
LayerType mergeLayer(std::string id, std::string title, const std::string& fn, bool divide = false);

/// The fault of inputs that should have one shape, or nothing.
std::optional<Fault> shapesDiffer(const std::string& title, std::span<const TensorType> inputs);

} // namespace gradloom::layers
