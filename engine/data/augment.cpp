#include "engine/data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradloom::data {

namespace {

/// Keeps the numbers apart from those that shuffle with the same seed.
constexpr uint64_t augmentSeed = 0x6175676d656e74;

/// Beta(α, α) for 0 < α <= 1 (Jöhnk 1964).
float betaNumber(Random& random, float alpha)
{
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const double a = std::pow(static_cast<double>(random.uniform()), 1.0 / alpha);
        const double b = std::pow(static_cast<double>(random.uniform()), 1.0 / alpha);
        if (a + b > 0 && a + b <= 1)
            return static_cast<float>(a / (a + b));
    }
    return 1; // a tiny α makes both numbers zero nearly always: then nothing is mixed
}

float realOf(const Params& params, const char* key)
{
    return static_cast<float>(params.real(key));
}

} // namespace

const std::vector<ParamSpec>& augmentParameters()
{
    static const std::vector<ParamSpec> parameters{
        choiceParam("flip", "Flip", "none",
            {{"none", "never"}, {"horizontal", "left and right"}, {"vertical", "up and down"},
                {"both", "both"}},
            "Mirrors every second picture; not for things that have a right way round, such as writing."),
        realParam("shift", "Shift", 0, 0, 0.5, "Moves a picture by up to this share of its size."),
        realParam("rotate", "Rotate", 0, 0, 180, "Turns a picture by up to this angle to either side.")
            .withUnit("°"),
        realParam("zoom", "Scale", 0, 0, 0.9, "Makes a picture smaller or larger by up to this share."),
        realParam("brightness", "Brightness", 0, 0, 1,
            "Adds up to this share of the full range to all pixels, or takes it away."),
        realParam("noise", "Noise", 0, 0, 1,
            "Standard deviation of the noise on every pixel; the full range is 1."),
        realParam("cutout", "Cutout", 0, 0, 1,
            "Blanks out a square of this share of the picture's side at a random place."),
        realParam("mixup", "Mixup", 0, 0, 1,
            "Mixes each picture with another one; α of the Beta distribution of the shares, usually 0.2. The "
            "label is "
            "drawn by the same shares, numbers to learn are mixed.")};
    return parameters;
}

Result<std::shared_ptr<const Augmenter>> Augmenter::create(
    const Params& options, const LoadedData& data, const Preprocess& preprocess)
{
    auto params = completeParams(augmentParameters(), options, "augmentation");
    if (!params)
        return params.error();
    std::shared_ptr<Augmenter> result(new Augmenter);
    const std::string& flip = params->text("flip");
    result->m_flipAcross = flip == "horizontal" || flip == "both";
    result->m_flipDown = flip == "vertical" || flip == "both";
    result->m_shift = realOf(*params, "shift");
    result->m_rotate = realOf(*params, "rotate") * 3.14159265f / 180;
    result->m_zoom = realOf(*params, "zoom");
    result->m_brightness = realOf(*params, "brightness");
    result->m_noise = realOf(*params, "noise");
    result->m_cutout = realOf(*params, "cutout");
    result->m_mixup = realOf(*params, "mixup");
    const float sum = result->m_shift + result->m_rotate + result->m_zoom + result->m_brightness +
                      result->m_noise + result->m_cutout + result->m_mixup;
    if (flip == "none" && sum == 0)
        return std::shared_ptr<const Augmenter>();
    const Shape shape = data.sampleShape();
    if (shape.rank() != 3 || data.training->samples.dtype() == DType::I32)
        return invalidArgument(
            "Augmentation changes pictures (height × width × channels) but the samples are " +
            shape.toString() + "; switch all of it off.");
    result->m_height = shape[0];
    result->m_width = shape[1];
    result->m_channels = static_cast<size_t>(shape[2]);
    for (size_t c = 0; c < result->m_channels; ++c) {
        const float deviation = preprocess.deviation.empty() ? 1.0f : preprocess.deviation[c];
        result->m_unit.push_back((data.valueMaximum - data.valueMinimum) * preprocess.scale / deviation);
    }
    return std::shared_ptr<const Augmenter>(std::move(result));
}

AugmentScratch Augmenter::makeScratch() const
{
    const auto elements = static_cast<size_t>(m_height * m_width) * m_channels;
    return {std::vector<float>(elements), std::vector<float>(elements)};
}

void Augmenter::apply(const DataPart& part, const Preprocess& preprocess, int64_t index, uint64_t seed,
    int64_t epoch, Batch& batch, int64_t row, AugmentScratch& scratch) const
{
    const auto samples = static_cast<uint64_t>(part.dataset->count());
    Random random(seed ^ augmentSeed, static_cast<uint64_t>(epoch) * samples + static_cast<uint64_t>(index));
    const size_t elements = scratch.picture.size();
    const auto picture = batch.samples.floats().subspan(static_cast<size_t>(row) * elements, elements);
    change(picture, random, scratch.picture);
    if (m_mixup > 0)
        mixUp(part, preprocess, random, batch, row, scratch);
}

void Augmenter::change(std::span<float> picture, Random& random, std::vector<float>& scratch) const
{
    if (m_flipAcross || m_flipDown || m_shift > 0 || m_rotate > 0 || m_zoom > 0)
        warp(picture, random, scratch);
    if (m_brightness > 0) {
        const float amount = random.uniform(-m_brightness, m_brightness);
        for (size_t i = 0; i < picture.size(); ++i)
            picture[i] += amount * m_unit[i % m_channels];
    }
    if (m_noise > 0)
        for (size_t i = 0; i < picture.size(); ++i)
            picture[i] += m_noise * random.normal() * m_unit[i % m_channels];
    if (m_cutout > 0)
        cutOut(picture, random);
}

/// Every pixel takes the value (bilinear) of the place it comes from; beyond the edge the edge goes on.
void Augmenter::warp(std::span<float> picture, Random& random, std::vector<float>& scratch) const
{
    const auto height = static_cast<float>(m_height);
    const auto width = static_cast<float>(m_width);
    // All numbers are drawn whatever the options, so that switching one on leaves the others as they were.
    const bool across = random.uniform() < 0.5f && m_flipAcross;
    const bool down = random.uniform() < 0.5f && m_flipDown;
    const float shiftY = random.uniform(-m_shift, m_shift) * height;
    const float shiftX = random.uniform(-m_shift, m_shift) * width;
    const float angle = random.uniform(-m_rotate, m_rotate);
    const float zoom = 1 / random.uniform(1 - m_zoom, 1 + m_zoom);
    const float cosine = std::cos(angle) * zoom;
    const float sine = std::sin(angle) * zoom;
    const float middleY = (height - 1) / 2;
    const float middleX = (width - 1) / 2;
    std::copy(picture.begin(), picture.end(), scratch.begin());
    float* out = picture.data();
    for (int64_t y = 0; y < m_height; ++y)
        for (int64_t x = 0; x < m_width; ++x) {
            const float dy = static_cast<float>(y) - middleY - shiftY;
            const float dx = static_cast<float>(x) - middleX - shiftX;
            float fromY = middleY + cosine * dy - sine * dx;
            float fromX = middleX + sine * dy + cosine * dx;
            fromY = std::clamp(down ? height - 1 - fromY : fromY, 0.0f, height - 1);
            fromX = std::clamp(across ? width - 1 - fromX : fromX, 0.0f, width - 1);
            const auto top = static_cast<size_t>(fromY);
            const auto left = static_cast<size_t>(fromX);
            const size_t bottom = std::min(top + 1, static_cast<size_t>(m_height - 1));
            const size_t right = std::min(left + 1, static_cast<size_t>(m_width - 1));
            const float v = fromY - static_cast<float>(top);
            const float u = fromX - static_cast<float>(left);
            const auto at = [&](size_t row, size_t column) {
                return scratch.data() + (row * static_cast<size_t>(m_width) + column) * m_channels;
            };
            for (size_t c = 0; c < m_channels; ++c)
                *out++ = (1 - v) * ((1 - u) * at(top, left)[c] + u * at(top, right)[c]) +
                         v * ((1 - u) * at(bottom, left)[c] + u * at(bottom, right)[c]);
        }
}

/// The middle of the square lies anywhere in the picture, so that a part of it may lie outside.
void Augmenter::cutOut(std::span<float> picture, Random& random) const
{
    const auto half = [&](int64_t extent) {
        return static_cast<int64_t>(std::lround(m_cutout * static_cast<float>(extent) / 2));
    };
    const int64_t y = random.below(static_cast<uint32_t>(m_height));
    const int64_t x = random.below(static_cast<uint32_t>(m_width));
    const int64_t left = std::max<int64_t>(0, x - half(m_width));
    const int64_t right = std::min(m_width, x + half(m_width));
    for (int64_t row = std::max<int64_t>(0, y - half(m_height)); row < std::min(m_height, y + half(m_height));
         ++row) {
        const auto begin = picture.begin() + (row * m_width + left) * static_cast<int64_t>(m_channels);
        std::fill(begin, begin + (right - left) * static_cast<int64_t>(m_channels), 0.0f);
    }
}

/// The loss is linear in a class's share, so a label drawn by the shares has the mixed loss as its mean:
/// labels stay integers.
void Augmenter::mixUp(const DataPart& part, const Preprocess& preprocess, Random& random, Batch& batch,
    int64_t row, AugmentScratch& scratch) const
{
    const float share = betaNumber(random, m_mixup);
    const bool ownLabel = random.uniform() < share;
    const int64_t other = part.indices[random.below(static_cast<uint32_t>(part.count()))];
    applyPreprocess(preprocess, *part.dataset, other, scratch.partner);
    change(scratch.partner, random, scratch.picture);
    const size_t elements = scratch.partner.size();
    const auto picture = batch.samples.floats().subspan(static_cast<size_t>(row) * elements, elements);
    for (size_t i = 0; i < elements; ++i)
        picture[i] = share * picture[i] + (1 - share) * scratch.partner[i];
    for (size_t t = 0; t < batch.targets.size(); ++t) {
        Tensor& into = batch.targets[t];
        const Tensor& from = part.dataset->targets[t];
        const auto count = static_cast<size_t>(into.elements() / into.shape()[0]);
        const size_t at = static_cast<size_t>(row) * count;
        const size_t source = static_cast<size_t>(other) * count;
        if (into.dtype() == DType::F32)
            for (size_t i = 0; i < count; ++i)
                into.floats()[at + i] =
                    share * into.floats()[at + i] + (1 - share) * from.floats()[source + i];
        else if (!ownLabel)
            std::copy_n(from.as<int32_t>().begin() + static_cast<int64_t>(source), count,
                into.as<int32_t>().begin() + static_cast<int64_t>(at));
    }
}

} // namespace gradloom::data
