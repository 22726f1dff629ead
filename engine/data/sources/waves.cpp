#include "engine/base/philox.h"
#include "engine/data/source_type.h"

#include <array>
#include <cmath>

/// Noisy waves of random frequency, phase and height: which shape a wave has, or how it goes on.

namespace gradloom::data {

namespace {

float fractionOf(float x)
{
    return x - std::floor(x);
}

float sineWave(float phase)
{
    return std::sin(6.2831853f * phase);
}

float squareWave(float phase)
{
    return fractionOf(phase) < 0.5f ? 1.0f : -1.0f;
}

float sawtoothWave(float phase)
{
    return 2 * fractionOf(phase) - 1;
}

float triangleWave(float phase)
{
    return 4 * std::abs(fractionOf(phase) - 0.5f) - 1;
}

struct WaveKind
{
    const char* name;
    float (*value)(float phase);
};

constexpr std::array<WaveKind, 4> waveKinds{
    {{"Sine", sineWave}, {"Square", squareWave}, {"Sawtooth", sawtoothWave}, {"Triangle", triangleWave}}};

struct WaveSettings
{
    int64_t kinds;
    int64_t length;
    int64_t horizon; ///< steps to forecast; 0: tell the kinds apart
    float noise;
    uint64_t seed;
};

/// A wave has three to eight periods in its length and is 0.7 to 1.3 high.
void drawWave(const WaveSettings& settings, const WaveKind& kind, Random random, std::span<float> wave,
    std::span<float> next)
{
    const float frequency = random.uniform(3.0f, 8.0f) / static_cast<float>(settings.length);
    const float phase = random.uniform();
    const float height = random.uniform(0.7f, 1.3f);
    for (size_t i = 0; i < wave.size() + next.size(); ++i) {
        const float value = height * kind.value(phase + frequency * static_cast<float>(i));
        if (i < wave.size())
            wave[i] = value + settings.noise * random.normal();
        else
            next[i - wave.size()] = value; // what is asked for is the wave itself, without noise
    }
}

std::shared_ptr<const Dataset> drawWaves(const WaveSettings& settings, int64_t count, uint64_t stream)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, settings.length, 1});
    Tensor labels(Shape{count}, DType::I32);
    Tensor next(Shape{count, std::max<int64_t>(1, settings.horizon)});
    const auto length = static_cast<size_t>(settings.length);
    const auto horizon = static_cast<size_t>(settings.horizon);
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
        const size_t kind = i % static_cast<size_t>(settings.kinds);
        drawWave(settings, waveKinds[kind], Random(settings.seed, stream + i),
            dataset->samples.floats().subspan(i * length, length),
            next.floats().subspan(i * horizon, horizon));
        labels.as<int32_t>()[i] = static_cast<int32_t>(kind);
    }
    if (horizon > 0)
        dataset->targets.push_back(std::move(next));
    dataset->targets.push_back(std::move(labels));
    return dataset;
}

Result<LoadedData> loadWaves(const Params& params, const SourceContext&)
{
    const bool forecast = params.text("task") == "forecast";
    const WaveSettings settings{params.integer("kinds"), params.integer("length"),
        forecast ? params.integer("horizon") : 0, static_cast<float>(params.real("noise")),
        static_cast<uint64_t>(params.integer("seed"))};
    LoadedData data;
    data.name = "Waves";
    data.description = "Generated noisy waves; the same for the same options everywhere.";
    data.valueMinimum = -2;
    data.valueMaximum = 1; // they are small numbers already: scaling leaves them alone
    data.features = {"value"};
    if (forecast)
        data.targets.push_back(numberTarget("next", Shape{settings.horizon}));
    data.targets.push_back(classTarget("kind", {}));
    for (int64_t kind = 0; kind < settings.kinds; ++kind)
        data.targets.back().names.emplace_back(waveKinds[static_cast<size_t>(kind)].name);
    data.training = drawWaves(settings, params.integer("training"), 0);
    data.test = drawWaves(settings, params.integer("test"), uint64_t{1} << 40);
    return data;
}

} // namespace

SourceType waves()
{
    SourceType type;
    type.id = "waves";
    type.title = "Waves";
    type.help =
        "Built-in generated noisy waves (sine, square, sawtooth, triangle) of one number a step: tell their "
        "shape, or forecast how they go on. Needs no files.";
    type.parameters = {
        choiceParam("task", "Task", "classify", {{"classify", "tell the shape"}, {"forecast", "forecast"}},
            "What is learned first: the shape of a wave (target \"kind\"), or its next values (target "
            "\"next\", with \"kind\" as the second one)."),
        integerParam("training", "Training waves", 2000, 10, 1000000, "How many waves to train on."),
        integerParam("test", "Test waves", 500, 10, 1000000, "How many waves to test with."),
        integerParam("length", "Length", 100, 16, 10000, "Steps of a wave.").withUnit("steps"),
        integerParam(
            "kinds", "Shapes", 2, 2, 4, "How many shapes there are: sine, square, sawtooth, triangle."),
        integerParam("horizon", "Horizon", 1, 1, 1000, "Steps to forecast.").withUnit("steps"),
        realParam("noise", "Noise", 0.1, 0, 2, "Standard deviation of the noise; waves are 0.7 to 1.3 high."),
        integerParam("seed", "Seed", 1, 0, 1e15, "Another seed draws other waves.")};
    type.load = loadWaves;
    return type;
}

} // namespace gradloom::data
