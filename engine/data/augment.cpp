#include "engine/data/augment.h"

#include "engine/data/augmentation.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace gradloom::data {

std::vector<Augmentation> allAugmentations();

namespace {

/// Keeps the numbers apart from those that shuffle with the same seed.
constexpr uint64_t augmentSeed = 0x6175676d656e74;

float amountOf(const ParamSpec& option, const Params& params)
{
    if (option.kind != ParamKind::Choice)
        return static_cast<float>(params.real(option.key));
    const auto chosen = std::find_if(option.choices.begin(), option.choices.end(),
        [&](const ParamChoice& choice) { return choice.value == params.text(option.key); });
    return static_cast<float>(chosen - option.choices.begin());
}

/// Row `row` of a batch takes its label from sample `index` too.
void mixTargets(const Dataset& dataset, int64_t index, const AugmentDraw& draw, Batch& batch, int64_t row)
{
    const float share = draw.change.share;
    for (size_t t = 0; t < batch.targets.size(); ++t) {
        Tensor& into = batch.targets[t];
        const Tensor& from = dataset.targets[t];
        const auto count = static_cast<size_t>(into.elements() / into.shape()[0]);
        const size_t at = static_cast<size_t>(row) * count;
        const size_t source = static_cast<size_t>(index) * count;
        if (into.dtype() == DType::F32)
            for (size_t i = 0; i < count; ++i)
                into.floats()[at + i] =
                    share * into.floats()[at + i] + (1 - share) * from.floats()[source + i];
        else if (!draw.ownLabel)
            std::copy_n(from.as<int32_t>().begin() + static_cast<int64_t>(source), count,
                into.as<int32_t>().begin() + static_cast<int64_t>(at));
    }
}

} // namespace

const std::vector<Augmentation>& augmentations()
{
    static const std::vector<Augmentation> all = [] {
        auto found = allAugmentations();
        std::sort(found.begin(), found.end(), [](const Augmentation& a, const Augmentation& b) {
            return std::pair(a.step, a.order) < std::pair(b.step, b.order);
        });
        return found;
    }();
    return all;
}

const std::vector<ParamSpec>& augmentParameters()
{
    static const std::vector<ParamSpec> parameters = [] {
        std::vector<ParamSpec> options;
        for (const Augmentation& one : augmentations())
            options.push_back(one.option);
        return options;
    }();
    return parameters;
}

Result<std::vector<Augmenter::Chosen>> Augmenter::choose(const Params& options)
{
    auto params = completeParams(augmentParameters(), options, "augmentation");
    if (!params)
        return params.error();
    std::vector<Chosen> chosen;
    std::set<AugmentStep> steps;
    for (const Augmentation& one : augmentations()) {
        chosen.push_back({&one, amountOf(one.option, *params)});
        if (chosen.back().amount != 0)
            steps.insert(one.step);
    }
    std::erase_if(chosen, [&](const Chosen& one) { return !steps.contains(one.what->step); });
    return chosen;
}

int64_t Augmenter::views(const Params& options)
{
    const auto chosen = choose(options);
    if (!chosen || chosen->empty())
        return 0;
    return chosen->back().what->step == AugmentStep::Mix ? 2 : 1;
}

Result<std::shared_ptr<const Augmenter>> Augmenter::create(
    const Params& options, const LoadedData& data, const Preprocess& preprocess)
{
    auto chosen = choose(options);
    if (!chosen)
        return chosen.error();
    if (chosen->empty())
        return std::shared_ptr<const Augmenter>();
    const Shape shape = data.sampleShape();
    if (shape.rank() != 3 || data.training->samples.dtype() == DType::I32)
        return invalidArgument(
            "Augmentation changes pictures (height × width × channels) but the samples are " +
            shape.toString() + "; switch all of it off.");
    std::shared_ptr<Augmenter> result(new Augmenter);
    result->m_chosen = std::move(*chosen);
    result->m_moves = result->m_chosen.front().what->step == AugmentStep::Move;
    result->m_mixes = result->m_chosen.back().what->step == AugmentStep::Mix;
    result->m_height = shape[0];
    result->m_width = shape[1];
    result->m_channels = shape[2];
    for (size_t c = 0; c < static_cast<size_t>(shape[2]); ++c) {
        const float deviation = preprocess.deviation.empty() ? 1.0f : preprocess.deviation[c];
        result->m_unit.push_back((data.valueMaximum - data.valueMinimum) * preprocess.scale / deviation);
    }
    return std::shared_ptr<const Augmenter>(std::move(result));
}

AugmentScratch Augmenter::makeScratch() const
{
    const auto elements = static_cast<size_t>(m_height * m_width * m_channels);
    AugmentScratch scratch{std::vector<float>(elements), std::vector<float>(elements), {}};
    scratch.columns.reserve(static_cast<size_t>(m_width));
    return scratch;
}

void Augmenter::describeIn(Batch& batch) const
{
    const int64_t size = batch.size();
    batch.samples = Tensor(Shape{size, views(), m_height, m_width, m_channels});
    batch.changes = Tensor(Shape{size, views(), PictureChange::floats + m_channels});
    batch.noise = Tensor(Shape{size, views(), NoisePlace::integers}, DType::I32);
    for (int64_t row = 0; row < size; ++row)
        keep(batch, row);
}

void Augmenter::keep(Batch& batch, int64_t row) const
{
    Random nothing(0);
    AugmentDraw draw{nothing, m_height, m_width, m_channels};
    for (int64_t view = 0; view < views(); ++view) {
        draw.change.share = view == 0 ? 1.0f : 0.0f;
        describe(draw, {}, batch, row * views() + view);
    }
}

void Augmenter::apply(const ShownSample& sample, Batch& batch, int64_t row, AugmentScratch& scratch) const
{
    const Dataset& dataset = *sample.part.dataset;
    const Noise noise{sample.seed ^ augmentSeed,
        static_cast<uint64_t>(sample.epoch) * static_cast<uint64_t>(dataset.count()) +
            static_cast<uint64_t>(sample.index)};
    Random random(noise.seed, noise.stream);
    AugmentDraw own{random, m_height, m_width, m_channels};
    AugmentDraw partner = own;
    int64_t other = 0;
    draw(own, false);
    if (m_mixes) {
        draw(own, true);
        other = sample.part.indices[random.below(static_cast<uint32_t>(sample.part.count()))];
        draw(partner, false);
        partner.change.share = 1 - own.change.share;
        mixTargets(dataset, other, own, batch, row);
    }
    const bool described = !batch.changes.empty();
    const size_t elements = scratch.partner.size();
    const auto pictures = batch.samples.floats().subspan(
        static_cast<size_t>(row) * elements * static_cast<size_t>(described ? views() : 1));
    const std::span<float> partners =
        described && m_mixes ? pictures.subspan(elements, elements) : std::span<float>(scratch.partner);
    if (m_mixes)
        applyPreprocess(sample.preprocess, dataset, other, partners);
    if (described) {
        describe(own, noise, batch, row * views());
        if (m_mixes)
            describe(partner, noise, batch, row * views() + 1);
        return;
    }
    change(own, noise, pictures.first(elements), scratch);
    if (!m_mixes)
        return;
    change(partner, noise, partners, scratch);
    for (size_t i = 0; i < elements; ++i)
        pictures[i] = own.change.share * pictures[i] + partner.change.share * partners[i];
}

/// The numbers for one picture; those for mixing it come behind all others.
void Augmenter::draw(AugmentDraw& draw, bool mix) const
{
    for (const Chosen& one : m_chosen)
        if ((one.what->step == AugmentStep::Mix) == mix)
            one.what->draw(draw, one.amount);
}

void Augmenter::describe(const AugmentDraw& draw, const Noise& noise, Batch& batch, int64_t view) const
{
    float* row = batch.changes.floats().data() + view * (PictureChange::floats + m_channels);
    std::memcpy(row, &draw.change, sizeof draw.change);
    std::copy(m_unit.begin(), m_unit.end(), row + PictureChange::floats);
    const NoisePlace place(noise.seed, noise.stream, draw.noiseAt);
    std::copy_n(
        place.words, NoisePlace::integers, batch.noise.as<int32_t>().data() + view * NoisePlace::integers);
}

void Augmenter::change(
    const AugmentDraw& draw, const Noise& noise, std::span<float> picture, AugmentScratch& scratch) const
{
    const PictureChange& change = draw.change;
    if (m_moves)
        warp(change, picture, scratch);
    if (change.brightness != 0)
        for (auto at = picture.begin(); at != picture.end();)
            for (const float unit : m_unit)
                *at++ += change.brightness * unit;
    if (change.noise != 0) {
        Random random(noise.seed, noise.stream);
        random.seek(draw.noiseAt);
        for (auto at = picture.begin(); at != picture.end();)
            for (const float unit : m_unit)
                *at++ += change.noise * random.normal() * unit;
    }
    const auto first = static_cast<int64_t>(change.blank[1]);
    const auto count = static_cast<int64_t>(change.blank[3]) - first;
    for (auto y = static_cast<int64_t>(change.blank[0]); y < static_cast<int64_t>(change.blank[2]); ++y)
        std::fill_n(picture.begin() + (y * m_width + first) * m_channels, count * m_channels, 0.0f);
}

void Augmenter::warp(const PictureChange& change, std::span<float> picture, AugmentScratch& scratch) const
{
    const PictureShape shape{m_height, m_width, m_channels};
    std::copy(picture.begin(), picture.end(), scratch.picture.begin());
    float* out = picture.data();
    const auto take = [&](const PictureSource& source) {
        for (int64_t c = 0; c < m_channels; ++c)
            *out++ = source.value(scratch.picture.data(), c);
    };
    if (change.matrix[1] != 0 || change.matrix[2] != 0) {
        for (int64_t y = 0; y < m_height; ++y)
            for (int64_t x = 0; x < m_width; ++x)
                take(PictureSource(change, shape, y, x));
        return;
    }
    // Of a picture that is not turned all rows come from the same columns.
    scratch.columns.clear();
    for (int64_t x = 0; x < m_width; ++x)
        scratch.columns.emplace_back(change, shape, 0, x);
    for (int64_t y = 0; y < m_height; ++y) {
        const PictureSource row(change, shape, y, 0);
        for (PictureSource source : scratch.columns) {
            source.first += row.first - scratch.columns.front().first;
            source.toBelow = row.toBelow;
            source.below = row.below;
            take(source);
        }
    }
}

} // namespace gradloom::data
