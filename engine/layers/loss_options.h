#pragma once

#include "engine/layers/layer_options.h"

/// What the losses share.
namespace gradloom::layers {

/// Ports prediction and target (optional: the data set's labels) and the option `weight`.
LayerType lossLayer(std::string id, std::string title);
/// The fault of a prediction and a target that cannot be compared.
Fault targetMismatch(const std::string& title, std::span<const TensorType> inputs);
/// The target as numbers of the prediction's shape; integer labels become one-hot rows, or 0 and 1 for one output.
ir::ValueId floatTarget(LowerContext& context, ir::ValueId target);
/// Mean over all dimensions but the batch: shape {N}.
ir::ValueId meanOfSample(ir::Builder& builder, ir::ValueId x);

} // namespace gradloom::layers
