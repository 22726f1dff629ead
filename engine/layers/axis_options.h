#pragma once

#include "engine/layers/layer_options.h"

/// Layers that work along one axis of a sample.
namespace gradloom::layers {

/// The option `axis` of a sample without its batch: counted from 0, or from the end with −1 for the last one.
ParamSpec axisParam(int64_t value, std::string help);
/// The axis the option names in a sample of this rank; not within 0 … rank−1 where there is no such axis.
int axisOf(const Params& params, int rank);
/// The fault that a sample has no such axis; `axes` is how many there are.
Fault noSuchAxis(const std::string& title, const Params& params, const Shape& input, int axes);
/// The block of a tensor (with batch) from `start` on, `size` elements along `axis` of its samples.
ir::ValueId sliceAxis(ir::Builder& builder, ir::ValueId x, int axis, int64_t start, int64_t size);

} // namespace gradloom::layers
