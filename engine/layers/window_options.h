#pragma once

#include "engine/layers/layer_options.h"

/// Windows that slide over one, two or three dimensions of a sample: what convolutions and poolings share.
namespace gradloom::layers {

/// How a window moves; one entry for each dimension it slides over.
struct SlidingWindow
{
    std::vector<int64_t> kernel;
    std::vector<int64_t> stride;
    std::vector<int64_t> dilation;
    std::vector<int64_t> before; ///< zeros in front of the input
    std::vector<int64_t> after;  ///< zeros behind it

    size_t axes() const { return kernel.size(); }
    /// Elements from the first to the last one the window sees.
    int64_t reach(size_t axis) const { return dilation[axis] * (kernel[axis] - 1) + 1; }
    int64_t paddedExtent(size_t axis, int64_t input) const { return input + before[axis] + after[axis]; }
    /// Places the window takes; not positive where it does not fit.
    int64_t outputExtent(size_t axis, int64_t input) const
    {
        return (paddedExtent(axis, input) - reach(axis)) / stride[axis] + 1;
    }
    /// The same over height and width only, as the 2-D primitives take it. One dimension becomes the width;
    /// of three the last two remain.
    SlidingWindow flat() const;
    /// Options stride, padding (and for convolutions dilation) of the 2-D primitives; of a flat window.
    Params attributes(bool dilated) const;
};

/// An option with one number for each of `axes` dimensions: an Integer for one, else a Tuple.
ParamSpec sizeParam(size_t axes, ParamSpec like);
/// The numbers of such an option.
std::vector<int64_t> sizesOf(const Params& params, const std::string& key);
/// "5", "3×3" or "3×3×3"
std::string sizesText(const std::vector<int64_t>& sizes);

/// The options `padding` (valid, same, explicit) and `pad`, the amounts of the last.
std::vector<ParamSpec> paddingParams(size_t axes);

/// The window of the options `kernelKey`, stride, dilation (where there is one), padding and pad. With "same"
/// the result has ceil(extent / stride) elements; an odd remainder goes to the end, as in Keras.
SlidingWindow windowOf(const Params& params, const std::string& kernelKey, const Shape& input);

/// The fault that a sample with these extents and zeros around it would be too large to work on.
std::optional<Fault> paddedTooLarge(
    const std::string& title, const SlidingWindow& window, const Shape& input);

/// Extents of the window's result with `channels` behind them, or the fault that the window does not fit.
Inferred windowShape(const std::string& title, const SlidingWindow& window, const std::string& kernelKey,
    const Shape& input, int64_t channels);

/// The fault for a sample that has not `axes` dimensions and channels: no sequence, picture or volume.
Fault needsWindowed(const std::string& title, size_t axes, const Shape& input);

} // namespace gradloom::layers
