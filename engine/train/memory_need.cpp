#include "engine/train/memory_need.h"

#include "engine/backend/communicator.h"
#include "engine/project/project.h"
#include "engine/train/evaluate.h"
#include "engine/train/picture_maker.h"
#include "engine/train/publisher.h"
#include "engine/train/run_data.h"

#include <algorithm>
#include <cstdio>

namespace gradloom::train {

namespace {

int64_t bytesOf(ir::Program program, const backend::Planner& device)
{
    return device.planBytes(compile::plan(std::move(program), device.planOptions()));
}

/// Of so many numbers of a model.
int64_t blockBytes(int64_t elements)
{
    return backend::inMemoryUnits(elements * sizeOf(DType::F32));
}

int64_t deviceCount(const StepperOptions& steps)
{
    return static_cast<int64_t>(steps.otherDevices.size()) + 1;
}

Status addValidation(
    MemoryNeed& need, const graph::Graph& graph, const RunWork& work, const backend::Planner& device)
{
    const int64_t share = work.steps.program.batch / deviceCount(work.steps);
    auto program = judgingProgram(graph, work.steps.program.labels, validationBatch(share, device));
    if (!program)
        return program.error();
    need.validation = bytesOf(std::move(*program), device);
    return {};
}

Status addViews(
    MemoryNeed& need, const graph::Graph& graph, const RunWork& work, const backend::Planner& device)
{
    const layers::TargetTypes& labels = work.steps.program.labels;
    auto probe = Publisher::makeProgram(graph, labels);
    if (!probe)
        return probe.error();
    need.views = bytesOf(std::move(*probe), device);
    auto pictures = PictureMaker::makeProgram(graph, labels);
    if (!pictures)
        return pictures.error();
    if (*pictures)
        need.views += bytesOf(std::move((*pictures)->program), device);
    return {};
}

/// A device of a run and what it does there.
struct DeviceWork
{
    backend::Backend* device = nullptr;
    RunWork work;
    backend::DeviceMemory memory = {};

    /// Devices that nobody counts the memory of have enough.
    bool fits(const MemoryNeed& need) const { return memory.total == 0 || need.total() <= memory.free; }
};

/// All devices share the steps; the rest is the first one's business.
std::vector<DeviceWork> devicesOf(backend::Backend& first, const RunWork& work)
{
    std::vector<DeviceWork> all{{&first, work, first.memory()}};
    for (const auto& other : work.steps.otherDevices)
        all.push_back({other.get(), {.steps = work.steps, .sumsWithNccl = work.sumsWithNccl}, other->memory()});
    return all;
}

/// The largest batch size below that of the run that fits on all devices; 0 where not even one sample does.
int64_t largestBatch(std::vector<DeviceWork> devices, const graph::Graph& graph)
{
    const int64_t count = deviceCount(devices.front().work.steps); // share a batch evenly
    const auto fits = [&](int64_t share) {
        return std::ranges::all_of(devices, [&](DeviceWork& one) {
            one.work.steps.program.batch = share * count;
            const auto need = memoryNeed(graph, one.work, *one.device);
            return need && one.fits(*need);
        });
    };
    int64_t below = 0; // fits, or none does
    int64_t above = (devices.front().work.steps.program.batch + count - 1) / count;
    while (above - below > 1) {
        const int64_t middle = below + (above - below) / 2;
        (fits(middle) ? below : above) = middle;
    }
    return below * count;
}

Error tooLarge(const std::vector<DeviceWork>& devices, const DeviceWork& full, const graph::Graph& graph,
    const MemoryNeed& need)
{
    const int64_t batch = largestBatch(devices, graph);
    return {ErrorCode::OutOfMemory,
        "Training with batches of " + std::to_string(full.work.steps.program.batch) + " needs " +
            memoryText(need.total()) + " but " + full.device->info().name + " has " +
            memoryText(full.memory.free) + " free. " +
            (batch > 0 ? "A batch size of " + std::to_string(batch) + " fits."
                       : "Not even a batch of one sample fits: use a smaller network or the CPU."),
        {}};
}

} // namespace

Result<MemoryNeed> memoryNeed(const graph::Graph& graph, const RunWork& work, const backend::Planner& device)
{
    auto programs = Stepper::makePrograms(graph, work.steps);
    if (!programs)
        return programs.error();
    MemoryNeed need;
    const ir::Program& layout = programs->front();
    need.weights = blockBytes(layout.parameterElements) + blockBytes(layout.stateElements);
    for (ir::Program& program : *programs) {
        need.optimizer = std::max(need.optimizer, blockBytes(program.slotElements));
        need.steps += bytesOf(std::move(program), device);
    }
    if (work.validates)
        if (Status status = addValidation(need, graph, work, device); !status)
            return status.error();
    if (work.publishes)
        if (Status status = addViews(need, graph, work, device); !status)
            return status.error();
    need.sums = work.sumsWithNccl ? device.sumBytes() : 0;
    return need;
}

Result<MemoryNeed> memoryNeed(
    const project::Project& project, const layers::TargetTypes& labels, const SessionOptions& session)
{
    auto methods = chooseMethods(project.training);
    if (!methods)
        return methods.error();
    const std::string& first = session.devices.empty() ? session.device : session.devices.front();
    auto device = backend::planner(first, methods->options.device(session.threads));
    if (!device)
        return device.error();
    RunWork work;
    work.steps = stepperOptions(project, *methods, labels);
    work.steps.recipe.keepGradients = session.publish;
    work.steps.program.augmentedViews = viewsOn(first, project.data.augment);
    work.steps.parallel = !session.devices.empty();
    if (work.steps.parallel)
        work.steps.otherDevices.resize(session.devices.size() - 1); // only their number counts here
    work.publishes = session.publish;
    work.sumsWithNccl = backend::haveNccl(session.devices);
    work.validates = project.training.validationShare > 0 && Stepper::validates(project.graph);
    return memoryNeed(project.graph, work, **device);
}

Status reserveMemory(backend::Backend& first, const graph::Graph& graph, const RunWork& work)
{
    const std::vector<DeviceWork> devices = devicesOf(first, work);
    std::vector<MemoryNeed> needs(devices.size());
    for (size_t i = 0; i < devices.size(); ++i) {
        const DeviceWork& one = devices[i];
        if (one.memory.total == 0)
            continue;
        auto need = memoryNeed(graph, one.work, *one.device);
        if (!need)
            return need.error();
        if (!one.fits(*need))
            return tooLarge(devices, one, graph, *need);
        needs[i] = *need;
    }
    for (size_t i = 0; i < devices.size(); ++i)
        if (Status status = devices[i].device->reserve(needs[i].total() - needs[i].sums, needs[i].sums);
            !status)
            return status;
    return {};
}

std::string memoryText(int64_t bytes)
{
    static constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    auto size = static_cast<double>(bytes);
    size_t unit = 0;
    for (; size >= 1000 && unit + 1 < std::size(units); ++unit)
        size /= 1000;
    char text[32];
    std::snprintf(text, sizeof text, size < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return text;
}

} // namespace gradloom::train
