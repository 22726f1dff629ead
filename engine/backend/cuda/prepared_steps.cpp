#include "engine/backend/cuda/alternatives.h"
#include "engine/base/registry.h"
#include "engine/ir/op_type.h"

namespace gradloom::cuda {

namespace {

/// A way and the memory that it needs.
struct SizedWay
{
    Way way;
    int64_t scratchBytes = 0, keptBytes = 0;
};

SizedWay sized(Way way, const PreparedWay& prepared)
{
    return {std::move(way), prepared.scratchBytes, prepared.keptBytes};
}

/// The chosen way, or the own kernels where it cannot be gone any more.
SizedWay chooseSized(
    const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf, size_t first)
{
    const StepMemory nowhere{addressOf};
    const Way way = chooseWay(plan, settings, addressOf, first);
    if (way.candidate) {
        try {
            if (const auto prepared = prepareWay(plan, settings, way, nowhere))
                return sized(way, *prepared);
        } catch (const backend::DeviceFailure&) {
            // The own kernels compute then.
        }
    }
    const Way own{{first}, nullptr};
    return sized(own, *prepareWay(plan, settings, own, nowhere));
}

std::vector<SizedWay> waysOf(const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf)
{
    std::vector<SizedWay> ways;
    std::vector<bool> done(plan.program.ops.size());
    for (size_t i = 0; i < done.size(); ++i) {
        if (done[i])
            continue;
        ways.push_back(chooseSized(plan, settings, addressOf, i));
        for (const size_t op : ways.back().way.ops)
            done[op] = true;
    }
    return ways;
}

} // namespace

bool Preparation::isRead(size_t output) const
{
    return isReadBeside(m_plan.program, {}, op.outputs[output]);
}

std::optional<PreparedWay> prepareWay(
    const compile::Plan& plan, const Settings& settings, const Way& way, const StepMemory& memory)
{
    static const Registry<CudaOp> ops(allCudaOps());
    PreparedWay prepared;
    for (const size_t index : way.ops) {
        const ir::Op& op = plan.program.ops[index];
        Preparation preparation(plan, op, settings, memory);
        if (op.type->alias)
            preparation.kernel.clear();
        else if (!way.candidate)
            ops.find(op.type->id)->prepare(preparation);
        else if (way.candidate->prepare(preparation))
            preparation.kernel = way.candidate->name;
        else
            return std::nullopt;
        prepared.launches.push_back(std::move(preparation.launches));
        prepared.kernels.push_back(std::move(preparation.kernel));
        prepared.scratchBytes = std::max(prepared.scratchBytes, preparation.scratchBytes());
        prepared.keptBytes = std::max(prepared.keptBytes, (preparation.keptBytes() + 255) / 256 * 256);
    }
    return prepared;
}

PreparedSteps prepareSteps(const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf,
    const std::function<std::byte*(int64_t bytes)>& allocate)
{
    const std::vector<SizedWay> ways = waysOf(plan, settings, addressOf);
    int64_t scratchBytes = 0;
    int64_t keptBytes = 0;
    for (const SizedWay& way : ways) {
        scratchBytes = std::max(scratchBytes, way.scratchBytes);
        keptBytes += way.keptBytes;
    }
    StepMemory memory{addressOf};
    memory.scratch = allocate(scratchBytes + keptBytes);
    memory.kept = memory.scratch + scratchBytes;
    PreparedSteps steps;
    steps.launches.resize(plan.program.ops.size());
    steps.kernels.resize(plan.program.ops.size());
    for (const SizedWay& way : ways) {
        auto prepared = *prepareWay(plan, settings, way.way, memory);
        memory.kept += way.keptBytes;
        for (size_t i = 0; i < way.way.ops.size(); ++i) {
            steps.launches[way.way.ops[i]] = std::move(prepared.launches[i]);
            steps.kernels[way.way.ops[i]] = std::move(prepared.kernels[i]);
        }
    }
    return steps;
}

} // namespace gradloom::cuda
