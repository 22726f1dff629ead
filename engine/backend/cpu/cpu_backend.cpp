#include "engine/backend/cpu/cpu_backend.h"

#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/simd.h"
#include "engine/backend/imaginary_memory.h"
#include "engine/base/registry.h"
#include "engine/base/thread_pool.h"
#include "engine/base/thread_priority.h"
#include "engine/ir/op_type.h"

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

namespace gradloom::cpu {

std::vector<CpuOp> allCpuOps();

namespace {

using ir::Segment;
using ir::ValueId;

const Registry<CpuOp>& cpuOps()
{
    static const Registry<CpuOp> registry(allCpuOps());
    return registry;
}

class CpuMemory : public backend::Memory
{
public:
    explicit CpuMemory(int64_t bytes) : m_buffer(bytes) {}
    int64_t bytes() const override { return m_buffer.bytes(); }
    void upload(std::span<const std::byte> source, int64_t offset) override
    {
        if (!source.empty())
            std::memcpy(m_buffer.data() + offset, source.data(), source.size());
    }
    void download(std::span<std::byte> destination, int64_t offset) const override
    {
        if (!destination.empty())
            std::memcpy(destination.data(), m_buffer.data() + offset, destination.size());
    }
    std::byte* data() { return m_buffer.data(); }

private:
    Buffer m_buffer;
};

std::byte* hostAddress(const std::shared_ptr<backend::Memory>& memory)
{
    return memory ? static_cast<CpuMemory&>(*memory).data() : nullptr;
}

/// Treats denormals as zero while it lives; the caller's thread gets its own way of computing back.
class DenormalsFlushed
{
public:
    DenormalsFlushed()
    {
        std::fegetenv(&m_before);
        flushDenormals();
    }
    ~DenormalsFlushed() { std::fesetenv(&m_before); }
    DenormalsFlushed(const DenormalsFlushed&) = delete;
    DenormalsFlushed& operator=(const DenormalsFlushed&) = delete;

private:
    std::fenv_t m_before{};
};

/// Threads shared by all executables of a device; one of them runs at a time.
struct Workers
{
    Workers(int threads, bool behindOthers)
        : pool(threads,
              [behindOthers] {
                  flushDenormals();
                  if (behindOthers)
                      giveWay();
              })
    {
    }
    ThreadPool pool;
    std::mutex turn;
};

/// The operations of a plan made ready, and the scratch memory that they share.
struct PreparedOps
{
    std::vector<std::vector<Phase>> steps;
    std::vector<std::string> kernels;
    int64_t commonBytes = 0;
    int64_t perThreadBytes = 0;

    int64_t scratchBytes(int threads) const { return commonBytes + perThreadBytes * threads; }
};

PreparedOps prepareOps(const compile::Plan& plan, int threads, const std::function<std::byte*(ValueId)>& addressOf,
    const Scratch& scratch)
{
    PreparedOps prepared;
    int64_t common = 0;
    int64_t perThread = 0;
    for (const ir::Op& op : plan.program.ops) {
        Preparation preparation(plan, op, threads, addressOf, scratch);
        if (!op.type->alias)
            cpuOps().find(op.type->id)->prepare(preparation);
        common = std::max(common, preparation.commonFloats);
        perThread = std::max(perThread, preparation.threadFloats);
        prepared.steps.push_back(std::move(preparation.phases));
        prepared.kernels.push_back(std::move(preparation.kernel));
    }
    constexpr int64_t line = 64;
    const auto inLines = [](int64_t floats) { return (floats * 4 + line - 1) / line * line; };
    prepared.commonBytes = inLines(common);
    prepared.perThreadBytes = inLines(perThread) + line; // lest the threads' parts share one
    return prepared;
}

class CpuExecutable : public backend::Executable
{
public:
    CpuExecutable(
        std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model, std::shared_ptr<Workers> workers)
        : m_plan(std::move(plan)), m_model(model), m_workers(std::move(workers)),
          m_arena(std::make_shared<CpuMemory>(m_plan->arenaBytes)), m_sums(backend::sumsOf(*m_plan, m_arena))
    {
        const int threads = m_workers->pool.threads();
        PreparedOps prepared = prepareOps(*m_plan, threads, [this](ValueId id) { return address(id); }, m_scratch);
        m_scratchMemory = Buffer(prepared.scratchBytes(threads));
        m_scratch.common = m_scratchMemory.data();
        m_scratch.perThread = m_scratchMemory.data() + prepared.commonBytes;
        m_scratch.perThreadBytes = prepared.perThreadBytes;
        m_steps = std::move(prepared.steps);
        m_kernels = std::move(prepared.kernels);
    }

    void write(ValueId value, std::span<const std::byte> bytes) override
    {
        checkSize(value, bytes.size());
        copyIn(address(value), bytes);
    }

    void read(ValueId value, std::span<std::byte> bytes) const override
    {
        checkSize(value, bytes.size());
        std::memcpy(bytes.data(), address(value), bytes.size());
    }

    void runPart(size_t part) override
    {
        const std::lock_guard lock(m_workers->turn);
        const DenormalsFlushed flushed;
        const auto [first, last] = m_plan->part(part);
        for (size_t i = first; i < last; ++i)
            runPhases(m_steps[i]);
        if (part == m_sums.size())
            copyUpdates();
    }

    std::span<const backend::MemoryRange> sums() const override { return m_sums; }

    void poison() override
    {
        std::vector<std::vector<std::byte>> inputs;
        const auto& values = m_plan->program.values;
        for (size_t i = 0; i < values.size(); ++i) {
            const auto* begin = address(static_cast<ValueId>(i));
            if (values[i].input)
                inputs.emplace_back(begin, begin + values[i].type.bytes());
        }
        std::memset(m_arena->data(), 0xff, static_cast<size_t>(m_arena->bytes()));
        std::memset(m_scratchMemory.data(), 0xff, static_cast<size_t>(m_scratchMemory.bytes()));
        for (size_t i = 0, k = 0; i < values.size(); ++i)
            if (values[i].input)
                write(static_cast<ValueId>(i), inputs[k++]);
    }

    std::vector<std::string> kernels() const override { return m_kernels; }

    std::vector<double> timeOps() override
    {
        using Clock = std::chrono::steady_clock;
        const std::lock_guard lock(m_workers->turn);
        const DenormalsFlushed flushed;
        std::vector<double> seconds;
        for (const auto& phases : m_steps) {
            const auto begin = Clock::now();
            runPhases(phases);
            seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
        }
        copyUpdates();
        return seconds;
    }

    int64_t memoryBytes() const override { return m_arena->bytes() + m_scratchMemory.bytes(); }

private:
    /// Copies with all threads: one alone takes a tenth of a small network's step for a batch of pictures.
    void copyIn(std::byte* to, std::span<const std::byte> from)
    {
        constexpr size_t unit = size_t{32} << 10; // fewer bytes are not worth waking the others
        if (from.size() <= unit) {
            std::memcpy(to, from.data(), from.size());
            return;
        }
        const auto units = static_cast<int64_t>((from.size() + unit - 1) / unit);
        const std::pair operands(to, from); // one reference, so that no memory is taken for the function
        const std::lock_guard lock(m_workers->turn);
        m_workers->pool.run(units, [&operands](int64_t begin, int64_t end, int) {
            const auto& [target, source] = operands;
            const size_t first = static_cast<size_t>(begin) * unit;
            const size_t last = std::min(static_cast<size_t>(end) * unit, source.size());
            std::memcpy(target + first, source.data() + first, last - first);
        });
    }

    std::byte* address(ValueId id) const
    {
        const compile::Location place = m_plan->locations[static_cast<size_t>(id)];
        std::byte* base = nullptr;
        switch (place.segment) {
        case Segment::Arena:
            base = m_arena->data();
            break;
        case Segment::Parameters:
            base = hostAddress(m_model.parameters);
            break;
        case Segment::State:
            base = hostAddress(m_model.state);
            break;
        case Segment::Slots:
            base = hostAddress(m_model.slots);
            break;
        }
        return base + place.offset;
    }

    void checkSize(ValueId value, size_t bytes) const
    {
        if (static_cast<int64_t>(bytes) != m_plan->program.typeOf(value).bytes())
            throw std::logic_error("a tensor of another size was given for \"" + m_plan->program[value].name + "\"");
    }

    void runPhases(const std::vector<Phase>& phases)
    {
        for (const Phase& phase : phases) {
            if (phase.parallel)
                m_workers->pool.run(phase.units, phase.run);
            else if (phase.units > 0)
                phase.run(0, phase.units, 0);
        }
    }

    void copyUpdates()
    {
        for (const ir::Update& update : m_plan->copies)
            std::memcpy(address(update.target), address(update.source),
                static_cast<size_t>(m_plan->program.typeOf(update.target).bytes()));
    }

    std::shared_ptr<const compile::Plan> m_plan;
    backend::ModelMemory m_model;
    std::shared_ptr<Workers> m_workers;
    std::shared_ptr<CpuMemory> m_arena;
    std::vector<backend::MemoryRange> m_sums;
    Buffer m_scratchMemory;
    Scratch m_scratch;
    std::vector<std::vector<Phase>> m_steps;
    std::vector<std::string> m_kernels;
};

class CpuPlanner : public backend::Planner
{
public:
    explicit CpuPlanner(int threads) : m_threads(threads) {}

    compile::PlanOptions planOptions() const override
    {
        compile::PlanOptions options;
        options.convolutionStatistics = true;
        options.joinsGradients = [threads = m_threads](const ir::Program& program, const ir::Op& op) {
            const Shape& x = program.typeOf(op.inputs[0]).shape;
            return prefersJoinedGradients(convShapeOf(op, x, program.typeOf(op.outputs[0]).shape), threads);
        };
        return options;
    }

    int64_t planBytes(const compile::Plan& plan) const override
    {
        const auto address = [&plan](ValueId id) { return backend::imaginaryAddress(plan, id); };
        return plan.arenaBytes + prepareOps(plan, m_threads, address, Scratch()).scratchBytes(m_threads);
    }

private:
    int m_threads;
};

class CpuBackend : public backend::Backend
{
public:
    explicit CpuBackend(const backend::DeviceOptions& options)
        : m_workers(std::make_shared<Workers>(options.threads, options.giveWay)), m_planner(m_workers->pool.threads())
    {
    }

    backend::DeviceInfo info() const override
    {
        const int threads = m_workers->pool.threads();
        return {"cpu", "CPU · " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"), true, {}};
    }

    compile::PlanOptions planOptions() const override { return m_planner.planOptions(); }
    int64_t planBytes(const compile::Plan& plan) const override { return m_planner.planBytes(plan); }

    Result<std::shared_ptr<backend::Memory>> allocate(int64_t bytes) override
    {
        try {
            return std::shared_ptr<backend::Memory>(std::make_shared<CpuMemory>(bytes));
        } catch (const std::bad_alloc&) {
            return outOfMemory(bytes);
        }
    }

    Result<std::unique_ptr<backend::Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model) override
    {
        for (const ir::Op& op : plan->program.ops)
            if (!op.type->alias && !cpuOps().find(op.type->id))
                return unsupported("the CPU cannot run the operation \"" + op.type->id + "\".", op.node);
        try {
            return std::unique_ptr<backend::Executable>(std::make_unique<CpuExecutable>(plan, model, m_workers));
        } catch (const std::bad_alloc&) {
            return outOfMemory(plan->arenaBytes);
        }
    }

private:
    static Error outOfMemory(int64_t bytes)
    {
        return {ErrorCode::OutOfMemory,
            "the network needs " + std::to_string(bytes >> 20) +
                " MB, more than this machine has free. Use a smaller batch or a smaller network.",
            {}};
    }

    std::shared_ptr<Workers> m_workers;
    CpuPlanner m_planner;
};

} // namespace

std::unique_ptr<backend::Planner> planCpu(const backend::DeviceOptions& options)
{
    return std::make_unique<CpuPlanner>(ThreadPool::threadsOf(options.threads));
}

std::unique_ptr<backend::Backend> openCpu(const backend::DeviceOptions& options)
{
    return std::make_unique<CpuBackend>(options);
}

} // namespace gradloom::cpu
