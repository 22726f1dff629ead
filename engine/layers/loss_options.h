#pragma once

#include "engine/layers/layer_options.h"

/// What the losses share.
namespace gradloom::layers {

/// Ports prediction and target (optional: the data set's labels) and the option `weight`.
LayerType lossLayer(std::string id, std::string title);
/// What losses over numbers accept: a target of the prediction's shape, or class labels for a vector.
Inferred numbersTarget(const std::string& title, std::span<const TensorType> inputs);
/// The fault of a prediction and a target that cannot be compared.
Fault targetMismatch(const std::string& title, std::span<const TensorType> inputs);
/// The target as numbers of the prediction's shape; integer labels become one-hot rows, or 0 and 1 for one
/// output.
ir::ValueId floatTarget(LowerContext& context, ir::ValueId target);
/// Mean over all dimensions but the batch: shape {N}.
ir::ValueId meanOfSample(ir::Builder& builder, ir::ValueId x);
/// `x` once for each element of the last dimension of `like`: a reduction's result against what was reduced.
ir::ValueId spreadOver(ir::Builder& builder, ir::ValueId x, ir::ValueId like);
/// ln softmax(x) over the last dimension.
ir::ValueId logSoftmaxOf(ir::Builder& builder, ir::ValueId x);
/// Whether each number of two tensors of one shape is on the same side of a threshold: 1 or 0.
ir::ValueId sameSide(
    ir::Builder& builder, ir::ValueId x, double threshold, ir::ValueId t, double targetThreshold);

} // namespace gradloom::layers
