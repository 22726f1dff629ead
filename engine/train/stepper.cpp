#include "engine/train/stepper.h"

#include "engine/graph/adversary.h"
#include "engine/graph/expand.h"
#include "engine/train/game_stepper.h"
#include "engine/train/supervised_stepper.h"

#include <limits>

namespace gradloom::train {

Result<std::unique_ptr<Stepper>> Stepper::create(Model& model, StepperOptions options)
{
    options.program.training = true;
    auto game = graph::findAdversary(graph::expand(model.graph()).graph);
    if (!game)
        return game.error();
    return *game ? GameStepper::create(model, std::move(options), **game)
                 : SupervisedStepper::create(model, std::move(options));
}

float Stepper::generatorLoss() const
{
    return std::numeric_limits<float>::quiet_NaN();
}

float Stepper::accuracy() const
{
    return std::numeric_limits<float>::quiet_NaN();
}

Status Stepper::allocateSlots(Model& model, int64_t elements)
{
    m_memory = model.memory();
    const int64_t bytes = elements * static_cast<int64_t>(sizeof(float));
    if (bytes == 0)
        return {};
    auto slots = model.device().allocate(bytes);
    if (!slots)
        return slots.error();
    m_memory.slots = std::move(*slots);
    const Buffer zeros(bytes);
    m_memory.slots->upload({zeros.data(), static_cast<size_t>(bytes)}, 0);
    return {};
}

Result<std::vector<float>> balancedClassWeights(const data::DataPart& part, int64_t classes)
{
    if (classes < 2)
        return invalidArgument("Class weights need a data set with classes; set class_weights to none.");
    std::vector<int64_t> counts(static_cast<size_t>(classes), 0);
    for (const int64_t index : part.indices)
        ++counts[static_cast<size_t>(part.dataset->label(index))];
    std::vector<float> weights;
    for (const int64_t count : counts)
        weights.push_back(count > 0 ? static_cast<float>(static_cast<double>(part.count()) /
                                                         static_cast<double>(classes * count))
                                    : 0.0f);
    return weights;
}

} // namespace gradloom::train
