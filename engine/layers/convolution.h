#pragma once

#include "engine/layers/window_options.h"

namespace gradloom::layers {

/// A convolution over `axes` dimensions (1: steps, 2: pictures, 3: volumes), without its samples, help and
/// formula.
LayerType convolutionLayer(size_t axes, std::string id, std::string title);

/// The option filters and the window's options kernel, stride, padding and dilation of a convolution.
std::vector<ParamSpec> filterParams();
std::vector<ParamSpec> convolutionWindowParams(size_t axes);

/// activation(x ∗ w + bias) over height and width: x is N×H×W×C, w is kh×kw×C/groups×K; bias may be noValue.
ir::ValueId convolve2d(LowerContext& context, ir::ValueId x, ir::ValueId w, ir::ValueId bias,
    const SlidingWindow& flat, int64_t groups);

/// "32 · 3×3 · ReLU" of the options filters (where there is one), kernel and activation.
std::string convolutionSummary(const Params& params);

} // namespace gradloom::layers
