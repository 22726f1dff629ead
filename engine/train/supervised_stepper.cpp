#include "engine/train/supervised_stepper.h"

#include "engine/train/checkpoint.h"

namespace gradloom::train {

Result<std::unique_ptr<Stepper>> SupervisedStepper::create(Model& model, StepperOptions options)
{
    std::unique_ptr<SupervisedStepper> stepper(new SupervisedStepper(std::move(options)));
    if (Status status = stepper->load(model); !status)
        return status.error();
    return std::unique_ptr<Stepper>(std::move(stepper));
}

Result<std::vector<ir::Program>> SupervisedStepper::makePrograms(const graph::Graph& graph, const StepperOptions& options)
{
    TrainingRecipe recipe = options.recipe;
    recipe.rule.accumulate = options.accumulate > 1;
    std::vector<ir::Program> all;
    for (const auto& make : {trainingProgram, accumulationProgram}) {
        auto program = make(graph, options.program, recipe);
        if (!program)
            return program.error();
        all.push_back(std::move(*program));
        if (!recipe.rule.accumulate)
            break;
    }
    return all;
}

Status SupervisedStepper::load(Model& model)
{
    if (Status status = Stepper::load(model, m_options, makePrograms); !status)
        return status;
    const ir::Program& program = update().first().program();
    if (const ir::ValueId id = program.find(averageSlot); id != ir::noValue) {
        m_average = &program[id];
        m_parametersCopy.resize(static_cast<size_t>(program.parameterElements));
        m_averageCopy.resize(m_parametersCopy.size());
    }
    if (!m_options.classWeights.empty())
        m_weights = Tensor(Shape{wholeBatch(m_options)});
    return {};
}

bool SupervisedStepper::endsGroup(int64_t step) const
{
    const int64_t done = step % m_options.stepsPerEpoch + 1;
    return done % m_options.accumulate == 0 || done == m_options.stepsPerEpoch;
}

int64_t SupervisedStepper::updatesBefore(int64_t step) const
{
    const int64_t k = m_options.accumulate;
    const int64_t perEpoch = (m_options.stepsPerEpoch + k - 1) / k;
    return step / m_options.stepsPerEpoch * perEpoch + step % m_options.stepsPerEpoch / k;
}

const Tensor& SupervisedStepper::weightsOf(const data::Batch& batch)
{
    if (m_options.classWeights.empty())
        return batch.weights;
    const auto labels = batch.targets.front().as<int32_t>();
    const auto sampleWeights = batch.weights.floats();
    const auto weights = m_weights.floats();
    for (size_t i = 0; i < weights.size(); ++i)
        weights[i] = sampleWeights[i] * m_options.classWeights[static_cast<size_t>(labels[i])];
    return m_weights;
}

void SupervisedStepper::begin(const data::Batch& batch, const StepPlace& place)
{
    m_before = m_last;
    m_last = &program(endsGroup(place.step) ? 0 : 1);
    m_last->writeBatch(m_writer, batch, weightsOf(batch));
    m_last->write("random", std::as_bytes(std::span(place.random)));
    m_last->write("learning_rate", static_cast<float>(place.learningRate));
    m_last->write("step", static_cast<float>(updatesBefore(place.step) + 1));
    m_last->run();
}

StepResult SupervisedStepper::result(bool before) const
{
    // Of two programs that take turns, each one's last run is what is asked for.
    const LoadedProgram& program = (before ? m_before : m_last)->first();
    const bool again = before && m_before == m_last;
    StepResult result;
    result.loss = program.readNumber("loss", again);
    if (hasAccuracy())
        result.accuracy = program.readNumber("metric:accuracy", again);
    return result;
}

bool SupervisedStepper::readGradients(std::span<float> gradients) const
{
    if (!m_last || !m_last->first().hasOutput("gradients"))
        return false;
    m_last->first().read("gradients", gradients);
    return true;
}

Weights SupervisedStepper::slots() const
{
    return m_memory.slots ? downloadSlots(update().first().program(), *m_memory.slots) : Weights();
}

Status SupervisedStepper::setSlots(const Weights& slots)
{
    if (!m_memory.slots)
        return {};
    Status status = uploadSlots(update().first().program(), slots, *m_memory.slots);
    weightsChanged();
    return status;
}

void SupervisedStepper::swapAverage()
{
    const int64_t offset = m_average->offset * static_cast<int64_t>(sizeof(float));
    m_memory.parameters->download(std::as_writable_bytes(std::span(m_parametersCopy)), 0);
    m_memory.slots->download(std::as_writable_bytes(std::span(m_averageCopy)), offset);
    m_memory.parameters->upload(std::as_bytes(std::span(m_averageCopy)), 0);
    m_memory.slots->upload(std::as_bytes(std::span(m_parametersCopy)), offset);
}

} // namespace gradloom::train
