#include "engine/train/stepper.h"

#include "engine/graph/adversary.h"
#include "engine/graph/expand.h"
#include "engine/project/project.h"
#include "engine/train/game_stepper.h"
#include "engine/train/methods.h"
#include "engine/train/parallel_stepper.h"
#include "engine/train/supervised_stepper.h"

#include <algorithm>

namespace gradloom::train {

StepperOptions stepperOptions(
    const project::Project& project, const Methods& methods, const layers::TargetTypes& labels)
{
    StepperOptions options;
    options.program.batch = project.training.batch;
    options.program.labels = labels;
    options.recipe.rule = methods.rule();
    options.generatorRule = methods.generatorRule();
    options.accumulate = methods.options.accumulate;
    return options;
}

Result<std::unique_ptr<Stepper>> Stepper::create(Model& model, StepperOptions options)
{
    options.program.training = true;
    auto game = graph::findAdversary(graph::expand(model.graph()).graph);
    if (!game)
        return game.error();
    if (*game && options.parallel)
        return invalidArgument("A GAN is trained on one device only: choose one.", (*game)->objective);
    if (*game)
        return GameStepper::create(model, std::move(options), **game);
    return options.parallel ? ParallelStepper::create(model, std::move(options))
                            : SupervisedStepper::create(model, std::move(options));
}

Result<std::vector<ir::Program>> Stepper::makePrograms(const graph::Graph& graph, StepperOptions options)
{
    options.program.training = true;
    auto game = graph::findAdversary(graph::expand(graph).graph);
    if (!game)
        return game.error();
    if (*game)
        return GameStepper::makePrograms(graph, options);
    if (!options.parallel)
        return SupervisedStepper::makePrograms(graph, options);
    if (Status status = ParallelStepper::shareBatch(options); !status)
        return status.error();
    return ParallelStepper::makePrograms(graph, options);
}

void Stepper::step(const data::Batch& batch, const StepPlace& place)
{
    begin(batch, place);
    m_open = std::min(m_open + 1, runsAhead() ? 2 : 1);
}

std::optional<StepResult> Stepper::take(bool wait)
{
    if (m_open == 0 || (m_open == 1 && runsAhead() && !wait))
        return std::nullopt;
    return result(m_open-- == 2);
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
