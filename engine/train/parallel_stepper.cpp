#include "engine/train/parallel_stepper.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace gradloom::train {

namespace {

double sumOf(const Tensor& numbers)
{
    return std::accumulate(numbers.floats().begin(), numbers.floats().end(), 0.0);
}

/// Rows `first` to `first + into's rows` of a tensor.
void copyRows(const Tensor& from, int64_t first, Tensor& into)
{
    const int64_t row = into.bytes() / into.shape()[0];
    std::memcpy(into.data(), from.data() + first * row, static_cast<size_t>(into.bytes()));
}

Tensor shareOf(const Tensor& batch, int64_t size)
{
    return Tensor(batch.shape().withoutFirst().prepended(size), batch.dtype());
}

double weightedMean(const std::vector<double>& values, const std::vector<double>& weights)
{
    double sum = 0;
    double weight = 0;
    for (size_t i = 0; i < values.size(); ++i) {
        if (weights[i] > 0) // a share of nothing but filling has no mean
            sum += values[i] * weights[i];
        weight += weights[i];
    }
    return weight > 0 ? sum / weight : 0;
}

void copyMemory(const std::shared_ptr<backend::Memory>& from, const std::shared_ptr<backend::Memory>& to)
{
    if (!from || from->bytes() == 0)
        return;
    Buffer buffer(from->bytes());
    const std::span<std::byte> bytes(buffer.data(), static_cast<size_t>(buffer.bytes()));
    from->download(bytes, 0);
    to->upload(bytes, 0);
}

} // namespace

Status ParallelStepper::shareBatch(StepperOptions& options)
{
    const auto devices = static_cast<int64_t>(options.otherDevices.size()) + 1;
    if (options.program.batch % devices != 0)
        return invalidArgument("A batch of " + std::to_string(options.program.batch) +
                               " samples cannot be shared by " + std::to_string(devices) +
                               " devices evenly: make the batch size a multiple of " +
                               std::to_string(devices) + ".");
    options.program.batch /= devices;
    return {};
}

Result<std::unique_ptr<Stepper>> ParallelStepper::create(Model& model, StepperOptions options)
{
    if (Status status = shareBatch(options); !status)
        return status.error();
    std::unique_ptr<ParallelStepper> stepper(new ParallelStepper(std::move(options)));
    if (Status status = stepper->loadAll(model); !status)
        return status.error();
    return std::unique_ptr<Stepper>(std::move(stepper));
}

Result<std::vector<ir::Program>> ParallelStepper::makePrograms(
    const graph::Graph& graph, const StepperOptions& options)
{
    TrainingRecipe recipe = options.recipe;
    recipe.rule.accumulate = true;
    std::vector<ir::Program> all;
    for (const auto& make : {accumulationProgram, updateProgram}) {
        auto program = make(graph, options.program, recipe);
        if (!program)
            return program.error();
        all.push_back(std::move(*program));
    }
    return all;
}

Status ParallelStepper::loadPrograms(backend::Backend& device, const backend::ModelMemory& memory,
    std::unique_ptr<LoadedProgram>& gatherInto, std::unique_ptr<LoadedProgram>& updateInto) const
{
    for (const bool gather : {true, false}) {
        auto loaded = LoadedProgram::load(device, memory, m_programs[gather ? 0 : 1]);
        if (!loaded)
            return loaded.error();
        (gather ? gatherInto : updateInto) = std::move(*loaded);
    }
    return {};
}

Status ParallelStepper::loadAll(Model& model)
{
    auto all = makePrograms(model.graph(), m_options);
    if (!all)
        return all.error();
    m_programs = std::move(*all);
    m_exchanged = m_programs[0].slotElements; // gathered gradients and what they count: the first slots
    if (Status status = allocateSlots(model, m_programs[1].slotElements); !status)
        return status;
    if (Status status = loadPrograms(model.device(), m_memory, m_gather, m_update); !status)
        return status;
    m_slots.push_back(m_memory.slots);
    for (const auto& device : m_options.otherDevices)
        if (Status status = addReplica(model, device); !status)
            return status;
    std::vector<backend::Backend*> devices{&model.device()};
    for (const auto& device : m_options.otherDevices)
        devices.push_back(device.get());
    m_communicator = backend::connect(devices, m_slots, m_exchanged); // of zeros
    weightsChanged();
    for (Counts* counts : {&m_counts, &m_countsBefore}) {
        counts->lossWeights.resize(m_slots.size());
        counts->samples.resize(m_slots.size());
    }
    prepareExtras();
    return {};
}

Status ParallelStepper::addReplica(Model& first, const std::shared_ptr<backend::Backend>& device)
{
    Replica replica;
    auto model = Model::create(first.graph(), first.labels(), device, 0);
    if (!model)
        return model.error();
    replica.model = std::move(*model);
    replica.memory = replica.model->memory();
    auto slots = device->allocate(m_memory.slots->bytes());
    if (!slots)
        return slots.error();
    replica.memory.slots = std::move(*slots);
    if (Status status = loadPrograms(*device, replica.memory, replica.gather, replica.update); !status)
        return status;
    m_slots.push_back(replica.memory.slots);
    m_replicas.push_back(std::move(replica));
    return {};
}

void ParallelStepper::weightsChanged()
{
    for (Replica& replica : m_replicas) {
        copyMemory(m_memory.parameters, replica.memory.parameters);
        copyMemory(m_memory.state, replica.memory.state);
        copyMemory(m_memory.slots, replica.memory.slots);
    }
    clearGathered(); // the sum is in the first device's
}

void ParallelStepper::clearGathered() const
{
    const Buffer zeros(m_exchanged * static_cast<int64_t>(sizeof(float)));
    for (const Replica& replica : m_replicas)
        replica.memory.slots->upload({zeros.data(), static_cast<size_t>(zeros.bytes())}, 0);
}

Weights ParallelStepper::slots() const
{
    // Between the batches of a group each device has gathered its own; the first one takes it all.
    m_communicator->sum(m_slots, 0, m_exchanged);
    clearGathered();
    return SupervisedStepper::slots();
}

Status ParallelStepper::setSlots(const Weights& slots)
{
    Status status = SupervisedStepper::setSlots(slots);
    weightsChanged();
    return status;
}

void ParallelStepper::takeShare(const data::Batch& batch, size_t device)
{
    const int64_t size = m_options.program.batch;
    if (m_share.weights.empty()) {
        m_share.samples = shareOf(batch.samples, size);
        for (const Tensor& target : batch.targets)
            m_share.targets.push_back(shareOf(target, size));
        m_share.weights = m_share.filled = Tensor(Shape{size});
        if (!batch.changes.empty()) {
            m_share.changes = shareOf(batch.changes, size);
            m_share.noise = shareOf(batch.noise, size);
        }
    }
    const int64_t first = static_cast<int64_t>(device) * size;
    copyRows(batch.samples, first, m_share.samples);
    for (size_t i = 0; i < m_share.targets.size(); ++i)
        copyRows(batch.targets[i], first, m_share.targets[i]);
    copyRows(batch.weights, first, m_share.weights);
    copyRows(batch.filled, first, m_share.filled);
    if (!batch.changes.empty()) {
        copyRows(batch.changes, first, m_share.changes);
        copyRows(batch.noise, first, m_share.noise);
    }
}

void ParallelStepper::begin(const data::Batch& batch, const StepPlace& place)
{
    std::swap(m_counts, m_countsBefore);
    for (size_t device = 0; device < m_slots.size(); ++device) {
        takeShare(batch, device);
        // Every device draws its own random numbers.
        constexpr uint32_t otherNumbers = 0x9e3779b9;
        std::array<int32_t, 4> random = place.random;
        random[1] ^= static_cast<int32_t>(otherNumbers * static_cast<uint32_t>(device));
        LoadedProgram& program = gatherOf(device);
        m_counts.lossWeights[device] = sumOf(writeBatch(program, m_share));
        m_counts.samples[device] = sumOf(m_share.filled);
        program.write("random", std::as_bytes(std::span(random)));
        program.run();
    }
    m_last = m_gather.get();
    if (!endsGroup(place.step))
        return;
    m_communicator->sum(m_slots, 0, m_exchanged);
    for (size_t device = 0; device < m_slots.size(); ++device) {
        LoadedProgram& program = updateOf(device);
        program.write("learning_rate", static_cast<float>(place.learningRate));
        program.write("step", static_cast<float>(updatesBefore(place.step) + 1));
        program.run();
    }
}

StepResult ParallelStepper::result(bool before) const
{
    const Counts& counts = before ? m_countsBefore : m_counts;
    std::vector<double> losses(m_slots.size());
    std::vector<double> accuracies(m_slots.size());
    for (size_t device = 0; device < m_slots.size(); ++device) {
        losses[device] = gatherOf(device).readNumber("loss", before);
        if (hasAccuracy())
            accuracies[device] = gatherOf(device).readNumber("metric:accuracy", before);
    }
    StepResult result;
    result.loss = static_cast<float>(weightedMean(losses, counts.lossWeights));
    if (hasAccuracy())
        result.accuracy = static_cast<float>(weightedMean(accuracies, counts.samples));
    return result;
}

} // namespace gradloom::train
