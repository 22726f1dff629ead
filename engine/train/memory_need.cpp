#include "engine/train/memory_need.h"

#include "engine/project/project.h"
#include "engine/train/evaluate.h"
#include "engine/train/run_data.h"

#include <algorithm>
#include <cstdio>

namespace gradloom::train {

namespace {

int64_t inputBytes(const ir::Program& program)
{
    int64_t bytes = 0;
    for (const ir::Value& value : program.values)
        if (value.input)
            bytes += value.type.bytes();
    return bytes;
}

void addProgram(MemoryNeed& need, ir::Program program)
{
    need.weights = (program.parameterElements + program.stateElements) * sizeOf(DType::F32);
    need.optimizer = std::max(need.optimizer, program.slotElements * sizeOf(DType::F32));
    need.staging += inputBytes(program);
    need.steps += compile::plan(std::move(program)).arenaBytes;
}

} // namespace

Result<MemoryNeed> memoryNeed(const graph::Graph& graph, const StepperOptions& options)
{
    auto programs = Stepper::makePrograms(graph, options);
    if (!programs)
        return programs.error();
    MemoryNeed need;
    for (ir::Program& program : *programs)
        addProgram(need, std::move(program));
    ProgramOptions judging;
    judging.batch = EvaluateOptions().batch;
    judging.labels = options.program.labels;
    judging.side = layers::Side::Discriminator;
    if (auto program = forwardProgram(graph, judging))
        addProgram(need, std::move(*program));
    return need;
}

Result<MemoryNeed> memoryNeed(
    const project::Project& project, const layers::TargetTypes& labels, std::string_view device, size_t devices)
{
    auto methods = chooseMethods(project.training);
    if (!methods)
        return methods.error();
    StepperOptions options = stepperOptions(project, *methods, labels);
    options.program.augmentedViews = viewsOn(device, project.data.augment);
    options.parallel = devices > 0;
    options.otherDevices.resize(devices > 0 ? devices - 1 : 0); // only their number counts here
    return memoryNeed(project.graph, options);
}

int64_t largestBatch(const graph::Graph& graph, StepperOptions options, int64_t bytes)
{
    const auto devices = static_cast<int64_t>(options.otherDevices.size()) + 1; // share a batch evenly
    const auto fits = [&](int64_t share) {
        options.program.batch = share * devices;
        const auto need = memoryNeed(graph, options);
        return need && need->total() <= bytes;
    };
    int64_t below = 0; // fits, or none does
    int64_t above = (options.program.batch + devices - 1) / devices;
    while (above - below > 1) {
        const int64_t middle = below + (above - below) / 2;
        (fits(middle) ? below : above) = middle;
    }
    return below * devices;
}

Status checkMemory(const backend::Backend& device, const graph::Graph& graph, const StepperOptions& options)
{
    const backend::DeviceMemory memory = device.memory();
    if (memory.total == 0)
        return {};
    const auto need = memoryNeed(graph, options);
    if (!need)
        return need.error();
    if (need->total() <= memory.free)
        return {};
    const std::string what = "Training with batches of " + std::to_string(options.program.batch) + " needs " +
                             memoryText(need->total()) + " but " + device.info().name + " has " +
                             memoryText(memory.free) + " free. ";
    const int64_t batch = largestBatch(graph, options, memory.free);
    return Error{ErrorCode::OutOfMemory,
        what + (batch > 0 ? "A batch size of " + std::to_string(batch) + " fits."
                          : "Not even a batch of one sample fits: use a smaller network or the CPU."),
        {}};
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
