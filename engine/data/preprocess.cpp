#include "engine/data/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradloom::data {

namespace {

constexpr int64_t maxChannelsInPlace = 64;

/// (value × scale − mean) ÷ deviation as one multiplication and one addition.
struct Line
{
    float factor;
    float offset;
};

Line lineOf(const Preprocess& preprocess, int64_t channel)
{
    const auto c = static_cast<size_t>(channel);
    const float mean = preprocess.mean.empty() ? 0.0f : preprocess.mean.at(c);
    const float deviation = preprocess.deviation.empty() ? 1.0f : preprocess.deviation.at(c);
    return {preprocess.scale / deviation, -mean / deviation};
}

template <typename T>
void applyChannels(const T* in, std::span<float> out, std::span<const Line> lines)
{
    const size_t channels = lines.size();
    for (size_t i = 0; i < out.size(); i += channels)
        for (size_t c = 0; c < channels; ++c)
            out[i + c] = static_cast<float>(in[i + c]) * lines[c].factor + lines[c].offset;
}

template <typename T>
void applyTo(const Preprocess& preprocess, const T* in, int64_t channels, std::span<float> out)
{
    const bool alike = preprocess.mean.empty() && preprocess.deviation.empty();
    if (alike || channels == 1) {
        const Line line = lineOf(preprocess, 0);
        for (size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<float>(in[i]) * line.factor + line.offset;
        return;
    }
    std::array<Line, maxChannelsInPlace> few{};
    std::vector<Line> many(channels > maxChannelsInPlace ? static_cast<size_t>(channels) : 0);
    const std::span<Line> lines =
        many.empty() ? std::span<Line>(few).first(static_cast<size_t>(channels)) : std::span<Line>(many);
    for (int64_t c = 0; c < channels; ++c)
        lines[static_cast<size_t>(c)] = lineOf(preprocess, c);
    applyChannels(in, out, lines);
}

void applyRaw(const Preprocess& preprocess, DType dtype, const std::byte* stored, int64_t channels,
    std::span<float> out)
{
    if (dtype == DType::U8)
        applyTo(preprocess, reinterpret_cast<const uint8_t*>(stored), channels, out);
    else
        applyTo(preprocess, reinterpret_cast<const float*>(stored), channels, out);
}

/// Sums over all samples in a fixed order and in double, so that the same part always gives the same numbers.
void standardise(Preprocess& preprocess, const DataPart& training)
{
    const Dataset& dataset = *training.dataset;
    const auto channels = static_cast<size_t>(dataset.samples.shape()[-1]);
    std::vector<double> sum(channels), squares(channels);
    std::vector<float> values(static_cast<size_t>(dataset.sampleElements()));
    for (int64_t index : training.indices) {
        applyPreprocess(preprocess, dataset, index, values);
        for (size_t i = 0; i < values.size(); ++i) {
            sum[i % channels] += values[i];
            squares[i % channels] += static_cast<double>(values[i]) * values[i];
        }
    }
    const double count =
        static_cast<double>(values.size() / channels) * static_cast<double>(training.count());
    for (size_t c = 0; c < channels; ++c) {
        const double mean = sum[c] / count;
        const double variance = std::max(0.0, squares[c] / count - mean * mean);
        // A channel that never changes says nothing; it becomes zero instead of a division by zero.
        const double deviation = variance > 1e-12 ? std::sqrt(variance) : 1.0;
        preprocess.mean.push_back(static_cast<float>(mean));
        preprocess.deviation.push_back(static_cast<float>(deviation));
    }
}

} // namespace

const std::vector<ParamSpec>& preprocessParameters()
{
    static const std::vector<ParamSpec> parameters{
        switchParam("scale", "Scale to 0 .. 1", true,
            "Divides stored values by the largest possible one (255 for pictures), so that they lie between "
            "0 and 1."),
        switchParam("centre", "Centre", false,
            "Afterwards stretches 0 to 1 to −1 to 1, the range of tanh: for networks that make pictures."),
        switchParam("standardise", "Standardise", false,
            "Subtracts the mean of the training samples and divides by their standard deviation, for each "
            "channel.")};
    return parameters;
}

Preprocess makePreprocess(const Params& options, const DataPart& training, float valueMaximum)
{
    Preprocess preprocess;
    if (options.flag("scale") && valueMaximum > 0)
        preprocess.scale = 1.0f / valueMaximum;
    if (options.flag("centre") && !training.empty()) {
        const Shape shape = training.dataset->sampleShape();
        const auto channels = static_cast<size_t>(shape.rank() > 0 ? shape[-1] : 1);
        preprocess.mean.assign(channels, 0.5f);
        preprocess.deviation.assign(channels, 0.5f);
    }
    if (options.flag("standardise") && !training.empty() && training.dataset->samples.dtype() != DType::I32)
        standardise(preprocess, training);
    return preprocess;
}

void applyPreprocess(const Preprocess& preprocess, const Tensor& stored, std::span<float> out)
{
    const int64_t channels = stored.shape().rank() == 0 ? 1 : stored.shape()[-1];
    applyRaw(preprocess, stored.dtype(), stored.data(), channels, out);
}

Tensor preprocessed(const Preprocess& preprocess, const Tensor& stored)
{
    if (stored.dtype() == DType::I32)
        return stored;
    Tensor result(stored.shape());
    applyPreprocess(preprocess, stored, result.floats());
    return result;
}

Tensor preprocessedSample(const Preprocess& preprocess, const Dataset& dataset, int64_t index)
{
    return preprocessed(preprocess, dataset.sample(index));
}

void applyPreprocess(
    const Preprocess& preprocess, const Dataset& dataset, int64_t index, std::span<float> out)
{
    const int64_t bytes = dataset.sampleElements() * sizeOf(dataset.samples.dtype());
    applyRaw(preprocess, dataset.samples.dtype(), dataset.samples.data() + index * bytes,
        dataset.samples.shape()[-1], out);
}

} // namespace gradloom::data
