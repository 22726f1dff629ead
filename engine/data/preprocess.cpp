#include "engine/data/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace gradloom::data {

namespace {

constexpr size_t maxChannelsInPlace = 64;

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

/// Numbers of a fixed count that are computed at once: such loops become vector instructions.
constexpr size_t block = 16;

template <typename T>
void applyBlock(const T* in, const float* factors, const float* offsets, float* out)
{
    float values[block]; // nothing else can be in its memory, which a compiler could not know of `out`
    for (size_t i = 0; i < block; ++i)
        values[i] = static_cast<float>(in[i]) * factors[i] + offsets[i];
    std::memcpy(out, values, sizeof values);
}

/// Each channel has its own line. Their factors and offsets are written side by side, so often that blocks fit.
template <typename T>
void applyLines(const T* in, std::span<float> out, std::span<const Line> lines)
{
    float factors[maxChannelsInPlace * block];
    float offsets[maxChannelsInPlace * block];
    const size_t period = lines.size() * block;
    for (size_t i = 0; i < period; ++i) {
        factors[i] = lines[i % lines.size()].factor;
        offsets[i] = lines[i % lines.size()].offset;
    }
    size_t at = 0;
    size_t place = 0; // in the period
    for (; at + block <= out.size(); at += block) {
        applyBlock(in + at, factors + place, offsets + place, out.data() + at);
        place = place + block == period ? 0 : place + block;
    }
    for (; at < out.size(); ++at, ++place)
        out[at] = static_cast<float>(in[at]) * factors[place] + offsets[place];
}

/// For samples that are too short for blocks, or have too many channels.
template <typename T>
void applySlowly(const Preprocess& preprocess, const T* in, std::span<float> out, size_t channels)
{
    for (size_t i = 0; i < out.size(); ++i) {
        const Line line = lineOf(preprocess, static_cast<int64_t>(i % channels));
        out[i] = static_cast<float>(in[i]) * line.factor + line.offset;
    }
}

template <typename T>
void applyTo(const Preprocess& preprocess, const T* in, int64_t channels, std::span<float> out)
{
    const bool alike = preprocess.mean.empty() && preprocess.deviation.empty();
    const auto count = static_cast<size_t>(alike ? 1 : channels);
    if (count > maxChannelsInPlace || out.size() < count * block)
        return applySlowly(preprocess, in, out, count);
    std::array<Line, maxChannelsInPlace> lines{};
    for (size_t c = 0; c < count; ++c)
        lines[c] = lineOf(preprocess, static_cast<int64_t>(c));
    applyLines(in, out, std::span<const Line>(lines).first(count));
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
