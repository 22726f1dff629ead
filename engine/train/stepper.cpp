#include "engine/train/stepper.h"

#include "engine/graph/adversary.h"
#include "engine/graph/expand.h"
#include "engine/project/project.h"
#include "engine/train/game_stepper.h"
#include "engine/train/methods.h"
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

namespace {

/// Makes a step one of training, and the batch of all devices that of each.
Status prepare(StepperOptions& options)
{
    options.program.training = true;
    if (!options.parallel)
        return {};
    const auto devices = static_cast<int64_t>(options.otherDevices.size()) + 1;
    if (options.program.batch % devices != 0)
        return invalidArgument("A batch of " + std::to_string(options.program.batch) +
                               " samples cannot be shared by " + std::to_string(devices) +
                               " devices evenly: make the batch size a multiple of " +
                               std::to_string(devices) + ".");
    options.program.batch /= devices;
    options.program.share = {0, devices};
    return {};
}

} // namespace

Result<std::unique_ptr<Stepper>> Stepper::create(Model& model, StepperOptions options)
{
    if (Status status = prepare(options); !status)
        return status.error();
    auto game = graph::findAdversary(graph::expand(model.graph()).graph);
    if (!game)
        return game.error();
    return *game ? GameStepper::create(model, std::move(options), **game)
                 : SupervisedStepper::create(model, std::move(options));
}

Result<std::vector<ir::Program>> Stepper::makePrograms(const graph::Graph& graph, StepperOptions options)
{
    if (Status status = prepare(options); !status)
        return status.error();
    auto game = graph::findAdversary(graph::expand(graph).graph);
    if (!game)
        return game.error();
    return *game ? GameStepper::makePrograms(graph, options) : SupervisedStepper::makePrograms(graph, options);
}

Status Stepper::load(Model& model, const StepperOptions& options, MakePrograms make)
{
    auto programs = make(model.graph(), options);
    if (!programs)
        return programs.error();
    int64_t slots = 0;
    for (const ir::Program& program : *programs)
        slots = std::max(slots, program.slotElements);
    if (Status status = allocateSlots(model, slots); !status)
        return status;
    auto group = DeviceGroup::create(
        model, m_memory, std::move(*programs), options.parallel, options.otherDevices, [&](int64_t device) {
            StepperOptions own = options;
            own.program.share.index = device;
            return make(model.graph(), own);
        });
    if (!group)
        return group.error();
    m_group = std::move(*group);
    return {};
}

std::vector<LoadedProgram*> Stepper::programs() const
{
    std::vector<LoadedProgram*> all;
    for (size_t i = 0; i < m_group->programs(); ++i)
        all.push_back(&m_group->program(i).first());
    return all;
}

bool Stepper::validates(const graph::Graph& graph)
{
    const auto game = graph::findAdversary(graph::expand(graph).graph);
    return game && !*game;
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
