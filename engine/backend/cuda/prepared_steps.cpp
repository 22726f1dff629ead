#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/imaginary_memory.h"
#include "engine/base/registry.h"
#include "engine/ir/op_type.h"

namespace gradloom::cuda {

namespace {

/// Memory of operations beside the arena.
struct Sizes
{
    int64_t scratch = 0; ///< all share it
    int64_t kept = 0;    ///< each has its own

    int64_t sum() const { return scratch + kept; }
    void add(const Sizes& other)
    {
        scratch = std::max(scratch, other.scratch);
        kept += other.kept;
    }
};

/// A way and the memory that it needs.
struct SizedWay
{
    Way way;
    Sizes sizes;
    int64_t workspaceLimit = 0; ///< with which it was sized
};

Sizes sizesOf(const PreparedWay& prepared)
{
    return {prepared.scratchBytes, prepared.keptBytes};
}

/// What suffices in any case.
struct LeastSizes
{
    std::vector<int64_t> neededScratch; ///< of each operation, without workspaces
    Sizes all;
};

LeastSizes leastSizes(const compile::Plan& plan, const Settings& settings)
{
    Settings own = settings;
    own.libraries = nullptr;
    own.alternatives = nullptr;
    StepMemory nowhere{[&plan](ir::ValueId id) { return backend::imaginaryAddress(plan, id); }};
    nowhere.workspaceLimit = 0;
    LeastSizes least;
    for (size_t i = 0; i < plan.program.ops.size(); ++i) {
        const auto prepared = *prepareWay(plan, own, {{i}, nullptr}, nowhere);
        least.neededScratch.push_back(prepared.neededScratchBytes);
        least.all.add(sizesOf(prepared));
    }
    return least;
}

/// Chooses the ways of all operations, so that what comes last has room as well.
class Choice
{
public:
    Choice(const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf, int64_t limit)
        : m_plan(plan), m_settings(settings), m_addressOf(addressOf), m_least(leastSizes(plan, settings)),
          m_limit(std::max(limit, m_least.all.sum()))
    {
        if (settings.alternatives)
            settings.alternatives->times.forgetIncomplete();
        std::vector<bool> done(plan.program.ops.size());
        for (size_t i = 0; i < done.size(); ++i) {
            if (done[i])
                continue;
            ways.push_back(choose(i));
            taken.add(ways.back().sizes);
            for (const size_t op : ways.back().way.ops)
                done[op] = true;
        }
        // Not less than was said before.
        taken.scratch = std::max(taken.scratch, m_least.all.sum() - taken.kept);
    }

    std::vector<SizedWay> ways;
    Sizes taken;

private:
    SizedWay choose(size_t first) const
    {
        for (const Way& way : waysByTime(m_plan, m_settings, m_addressOf, first))
            if (auto found = way.candidate ? sizedCandidate(way) : sizedOwn(way))
                return *found;
        throw std::logic_error("an operation has no own kernels");
    }

    std::optional<SizedWay> sizedOwn(const Way& way) const
    {
        return sized(way, m_least.neededScratch[way.ops[0]], m_least.all.kept + taken.kept);
    }

    /// Nothing where the candidate cannot be taken any more, or has no room.
    std::optional<SizedWay> sizedCandidate(const Way& way) const
    {
        try {
            StepMemory nowhere{m_addressOf};
            nowhere.workspaceLimit = 0;
            const auto prepared = prepareWay(m_plan, m_settings, way, nowhere);
            if (!prepared)
                return std::nullopt;
            Sizes all = taken;
            all.add(m_least.all);
            all.add(sizesOf(*prepared));
            return all.sum() <= m_limit ? sized(way, prepared->neededScratchBytes, all.kept) : std::nullopt;
        } catch (const backend::DeviceFailure&) {
            return std::nullopt;
        }
    }

    /// With workspaces of libraries in what scratch memory is left when so much is kept.
    std::optional<SizedWay> sized(const Way& way, int64_t neededScratch, int64_t kept) const
    {
        StepMemory nowhere{m_addressOf};
        nowhere.workspaceLimit = m_limit - kept - neededScratch;
        const auto prepared = prepareWay(m_plan, m_settings, way, nowhere);
        return prepared ? std::optional(SizedWay{way, sizesOf(*prepared), nowhere.workspaceLimit})
                        : std::nullopt;
    }

    const compile::Plan& m_plan;
    const Settings& m_settings;
    const AddressOf& m_addressOf;
    const LeastSizes m_least;
    const int64_t m_limit;
};

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
        prepared.neededScratchBytes =
            std::max(prepared.neededScratchBytes, preparation.scratchBytes() - preparation.workspaceBytes());
        prepared.keptBytes = std::max(prepared.keptBytes, backend::inMemoryUnits(preparation.keptBytes()));
    }
    return prepared;
}

int64_t ownScratchBytes(const compile::Plan& plan, const Settings& settings)
{
    return leastSizes(plan, settings).all.sum();
}

int64_t planBytes(const compile::Plan& plan, const Settings& settings)
{
    int64_t bytes = backend::inMemoryUnits(plan.arenaBytes) + ownScratchBytes(plan, settings);
    for (const ir::Value& value : plan.program.values)
        if (value.input) // copied ahead into a place of its own, see InputStaging
            bytes += backend::inMemoryUnits(value.type.bytes());
    return bytes;
}

PreparedSteps prepareSteps(
    const compile::Plan& plan, const Settings& settings, const AddressOf& addressOf, const StepRoom& room)
{
    const Choice choice(plan, settings, addressOf, room.limit);
    StepMemory memory{addressOf};
    memory.scratch = room.allocate(choice.taken.sum());
    memory.kept = memory.scratch + choice.taken.scratch;
    PreparedSteps steps;
    steps.launches.resize(plan.program.ops.size());
    steps.kernels.resize(plan.program.ops.size());
    for (const SizedWay& way : choice.ways) {
        memory.workspaceLimit = way.workspaceLimit;
        auto prepared = *prepareWay(plan, settings, way.way, memory);
        memory.kept += way.sizes.kept;
        for (size_t i = 0; i < way.way.ops.size(); ++i) {
            steps.launches[way.way.ops[i]] = std::move(prepared.launches[i]);
            steps.kernels[way.way.ops[i]] = std::move(prepared.kernels[i]);
        }
    }
    return steps;
}

} // namespace gradloom::cuda
