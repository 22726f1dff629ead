#include "engine/base/philox.h"
#include "engine/data/source_type.h"

#include <cmath>

/// Interleaved spirals in the plane, the classic task that no straight line solves.
/// Source: Lang and Witbrock, "Learning to tell two spirals apart", 1988.

namespace gradloom::data {

namespace {

struct SpiralSettings
{
    int64_t arms;
    float turns;
    float noise;
    uint64_t seed;
};

std::shared_ptr<const Dataset> drawSpirals(const SpiralSettings& settings, int64_t count, uint64_t stream)
{
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, 2});
    Tensor labels(Shape{count}, DType::I32);
    for (int64_t i = 0; i < count; ++i) {
        Random random(settings.seed, stream + static_cast<uint64_t>(i));
        const auto arm = static_cast<int32_t>(i % settings.arms);
        // The square root spreads the points evenly over the area, so that the outer turns are not thinner.
        const float radius = 0.1f + 0.9f * std::sqrt(random.uniform());
        const float turn =
            settings.turns * radius + static_cast<float>(arm) / static_cast<float>(settings.arms);
        const float angle = 6.2831853f * turn;
        const auto at = static_cast<size_t>(2 * i);
        dataset->samples.floats()[at] = radius * std::cos(angle) + settings.noise * random.normal();
        dataset->samples.floats()[at + 1] = radius * std::sin(angle) + settings.noise * random.normal();
        labels.as<int32_t>()[static_cast<size_t>(i)] = arm;
    }
    dataset->targets.push_back(std::move(labels));
    return dataset;
}

Result<LoadedData> loadSpirals(const Params& params, const SourceContext&)
{
    const SpiralSettings settings{params.integer("arms"), static_cast<float>(params.real("turns")),
        static_cast<float>(params.real("noise")), static_cast<uint64_t>(params.integer("seed"))};
    LoadedData data;
    data.name = "Spirals";
    data.description = "Generated points on interleaved spirals; the same for the same options everywhere.";
    data.valueMinimum = -1;
    data.valueMaximum = 1;
    data.features = {"x", "y"};
    data.targets.push_back(classTarget("spiral", {}));
    for (int64_t arm = 0; arm < settings.arms; ++arm)
        data.targets.front().names.push_back("Spiral " + std::to_string(arm + 1));
    data.training = drawSpirals(settings, params.integer("training"), 0);
    data.test = drawSpirals(settings, params.integer("test"), uint64_t{1} << 40);
    return data;
}

} // namespace

SourceType spirals()
{
    SourceType type;
    type.id = "spirals";
    type.title = "Spirals";
    type.help = "Built-in generated points of the plane on two or more interleaved spirals; needs no files.";
    type.parameters = {
        integerParam("training", "Training points", 2000, 10, 1000000, "How many points to train on."),
        integerParam("test", "Test points", 1000, 10, 1000000, "How many points to test with."),
        integerParam("arms", "Spirals", 2, 2, 10, "How many spirals there are, each a class."),
        realParam(
            "turns", "Turns", 1.5, 0.25, 5, "How often a spiral winds around the middle; more is harder."),
        realParam("noise", "Noise", 0.02, 0, 1,
            "Standard deviation of a point's distance from its spiral of radius 1."),
        integerParam("seed", "Seed", 1, 0, 1e15, "Another seed draws other points.")};
    type.load = loadSpirals;
    return type;
}

} // namespace gradloom::data
