#pragma once

#include "engine/base/param.h"
#include "engine/data/dataset.h"

#include <span>
#include <vector>

namespace gradloom::data {

/// How stored values become the float32 numbers a network sees: (value × scale − mean[c]) ÷ deviation[c], c
/// being the channel (last dimension). Plain data, so that it can be kept with the weights.
struct Preprocess
{
    float scale = 1.0f;
    std::vector<float> mean;      ///< one per channel; empty: 0
    std::vector<float> deviation; ///< one per channel, above zero; empty: 1

    bool operator==(const Preprocess&) const = default;
};

/// The options of a project: "scale" (switch: bring stored values to 0 .. 1), "centre" (switch: then to −1 .. 1) and
/// "standardise" (switch: subtract the mean and divide by the standard deviation of the training samples, for each
/// channel).
const std::vector<ParamSpec>& preprocessParameters();

/// Preprocess for these options (complete, as completeParams returns them). Only the samples of `training`
/// are looked at, so nothing of the other parts leaks in. `valueMaximum` is LoadedData's.
Preprocess makePreprocess(const Params& options, const DataPart& training, float valueMaximum);

/// Applies it to the samples in `stored` (U8 or F32, channels last); `out` has as many elements. Thread-safe,
/// does not allocate for up to 64 channels.
void applyPreprocess(const Preprocess& preprocess, const Tensor& stored, std::span<float> out);

/// The same for one sample of a dataset.
void applyPreprocess(
    const Preprocess& preprocess, const Dataset& dataset, int64_t index, std::span<float> out);

/// A sample as the network sees it: F32, but tokens stay as they are.
Tensor preprocessed(const Preprocess& preprocess, const Tensor& stored);
Tensor preprocessedSample(const Preprocess& preprocess, const Dataset& dataset, int64_t index);

} // namespace gradloom::data
