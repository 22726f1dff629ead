#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cuda/gpu_problem.h"
#include "engine/backend/cuda/module.h"
#include "tests/fake_cuda/fake_nccl.h"

#include "engine/ir/op_type.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <thread>

/// A module with pretended GPUs that compute on the CPU of the program which loads it, so that everything
/// around a GPU can be tested where there is none. The program must export what CMakeLists.txt lists.
///
/// Environment: GRADLOOM_FAKE_DEVICES, how many there are (1); GRADLOOM_FAKE_MEMORY, bytes each has (1 GB);
/// GRADLOOM_FAKE_SUM_BYTES, what sums take of it (nothing, really);
/// GRADLOOM_FAKE_PROBLEM, why there is none; GRADLOOM_FAKE_WAIT, a file: looking for them takes as long as it is
/// there; GRADLOOM_FAKE_FAULT, a primitive whose results are wrong;
/// GRADLOOM_FAKE_LOST, the number of the run of a program at which a device is lost;
/// GRADLOOM_FAKE_LOST_DOWNLOAD, the number of the download of a model's memory at which it is; nothing of a
/// lost device works. GRADLOOM_FAKE_NCCL, "missing", "refusing", "forgetful" (leaves the last device out) or
/// "uneven" (the first device gets a little more); GRADLOOM_FAKE_LOST_SUM, the number of the sum in which the
/// last device is lost.
namespace {

using namespace gradloom;
using backend::DeviceOptions;

int64_t setting(const char* name, int64_t otherwise)
{
    const char* text = std::getenv(name);
    return text ? std::atoll(text) : otherwise;
}

int64_t totalMemory()
{
    return setting("GRADLOOM_FAKE_MEMORY", 1'000'000'000);
}

/// What is taken of a device's memory, and the part of that which was reserved and not used yet; shared by
/// all that take some.
struct Ledger
{
    std::atomic<int64_t> taken = 0;
    std::atomic<int64_t> reserved = 0;

    /// False where there is no more.
    bool take(int64_t bytes)
    {
        if (bytes <= reserved) {
            reserved -= bytes;
            return true;
        }
        if (taken + bytes > totalMemory())
            return false;
        taken += bytes;
        return true;
    }
};
using Used = std::shared_ptr<Ledger>;

/// What a device has in common with its executables.
struct FakeDevice
{
    std::mutex turn;
    std::function<void()> look; ///< while the host waits for it
    std::atomic<bool> lost = false;
    std::atomic<int64_t> downloads = 0;

    /// For everything that it does.
    void use(bool loses = false)
    {
        lost = lost || loses;
        if (lost)
            throw backend::DeviceFailure("The pretended GPU fell off the bus. Restart the machine.");
    }
    void wait()
    {
        const std::lock_guard lock(turn);
        if (look)
            look();
    }
};

class FakeMemory : public backend::Memory
{
public:
    FakeMemory(std::shared_ptr<backend::Memory> inner, Used used, std::shared_ptr<FakeDevice> device)
        : m_inner(std::move(inner)), m_used(std::move(used)), m_device(std::move(device))
    {
    }
    ~FakeMemory() override { m_used->taken -= backend::inMemoryUnits(m_inner->bytes()); }
    int64_t bytes() const override { return m_inner->bytes(); }
    void upload(std::span<const std::byte> source, int64_t offset) override
    {
        m_device->use();
        m_inner->upload(source, offset);
    }
    void download(std::span<std::byte> destination, int64_t offset) const override
    {
        m_device->use(++m_device->downloads == setting("GRADLOOM_FAKE_LOST_DOWNLOAD", -1));
        m_device->wait();
        m_inner->download(destination, offset);
    }
    const std::shared_ptr<backend::Memory>& inner() const { return m_inner; }

private:
    std::shared_ptr<backend::Memory> m_inner;
    Used m_used;
    std::shared_ptr<FakeDevice> m_device;
};

std::shared_ptr<backend::Memory> innerOf(const std::shared_ptr<backend::Memory>& memory)
{
    return memory ? static_cast<FakeMemory&>(*memory).inner() : nullptr;
}

/// Runs ahead as a GPU does: what the run before the last one gave stays readable.
class FakeExecutable : public backend::Executable
{
public:
    FakeExecutable(std::shared_ptr<const compile::Plan> plan, std::unique_ptr<backend::Executable> inner,
        Used used, std::shared_ptr<FakeDevice> device)
        : m_plan(std::move(plan)), m_inner(std::move(inner)), m_used(std::move(used)),
          m_device(std::move(device))
    {
        for (const backend::MemoryRange& sum : m_inner->sums()) {
            m_sums.push_back(sum);
            m_sums.back().memory = std::make_shared<FakeMemory>(
                sum.memory, std::make_shared<Ledger>(), m_device); // it is counted already
        }
        for (const auto& [name, id] : m_plan->program.outputs)
            if (m_plan->program.typeOf(id).bytes() == sizeof(float))
                m_before[id] = 0;
    }
    ~FakeExecutable() override { m_used->taken -= m_inner->memoryBytes(); }
    void write(ir::ValueId value, std::span<const std::byte> bytes) override { m_inner->write(value, bytes); }
    void runPart(size_t part) override
    {
        if (part == 0) {
            m_device->use(++m_runs == setting("GRADLOOM_FAKE_LOST", -1));
            for (auto& [id, number] : m_before)
                m_inner->read(id, std::as_writable_bytes(std::span(&number, 1)));
        }
        m_device->use();
        m_inner->runPart(part);
    }
    std::span<const backend::MemoryRange> sums() const override { return m_sums; }
    void read(ir::ValueId value, std::span<std::byte> bytes) const override
    {
        m_device->use();
        m_device->wait();
        m_inner->read(value, bytes);
        const char* fault = std::getenv("GRADLOOM_FAKE_FAULT");
        if (fault && m_plan->program.ops.back().type->id == fault)
            bytes[std::min<size_t>(3, bytes.size() - 1)] ^= std::byte{0x40}; // the exponent of a float
    }
    bool runsAhead() const override { return true; }
    void readBefore(ir::ValueId value, std::span<std::byte> bytes) const override
    {
        m_device->wait();
        const auto number = std::as_bytes(std::span(&m_before.at(value), 1));
        std::copy(number.begin(), number.end(), bytes.begin());
    }
    void poison() override { m_inner->poison(); }
    std::vector<double> timeOps() override { return m_inner->timeOps(); }
    int64_t memoryBytes() const override { return m_inner->memoryBytes(); }
    std::string note() const override { return "Each step was pretended."; }

private:
    std::shared_ptr<const compile::Plan> m_plan;
    std::unique_ptr<backend::Executable> m_inner;
    Used m_used;
    std::shared_ptr<FakeDevice> m_device;
    std::map<ir::ValueId, float> m_before;
    std::vector<backend::MemoryRange> m_sums;
    int64_t m_runs = 0;
};

class FakeBackend : public backend::Backend
{
public:
    FakeBackend(int index, const DeviceOptions& options)
        : m_index(index), m_inner(cpu::openCpu(options)), m_used(std::make_shared<Ledger>())
    {
    }
    backend::DeviceInfo info() const override
    {
        backend::DeviceInfo info;
        info.id = "cuda:" + std::to_string(m_index);
        info.name = "Pretended GPU " + std::to_string(m_index);
        return info;
    }
    backend::DeviceMemory memory() const override { return {totalMemory(), totalMemory() - m_used->taken}; }
    bool countsMemory() const override { return true; }
    int64_t planBytes(const compile::Plan& plan) const override { return m_inner->planBytes(plan); }
    int64_t sumBytes() const override { return setting("GRADLOOM_FAKE_SUM_BYTES", 0); }
    Status reserve(int64_t bytes, int64_t untouched) override
    {
        if (bytes + untouched > memory().free)
            return full();
        m_used->taken += bytes;
        m_used->reserved += bytes;
        return {};
    }
    Result<std::shared_ptr<backend::Memory>> allocate(int64_t bytes) override
    {
        if (!m_used->take(backend::inMemoryUnits(bytes)))
            return full();
        auto inner = m_inner->allocate(bytes);
        if (!inner)
            return inner.error();
        return std::shared_ptr<backend::Memory>(
            std::make_shared<FakeMemory>(std::move(*inner), m_used, m_device));
    }
    Result<std::unique_ptr<backend::Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model) override
    {
        if (!m_used->take(planBytes(*plan)))
            return full();
        auto inner =
            m_inner->load(plan, {innerOf(model.parameters), innerOf(model.state), innerOf(model.slots)});
        if (!inner)
            return inner.error();
        return std::unique_ptr<backend::Executable>(
            std::make_unique<FakeExecutable>(std::move(plan), std::move(*inner), m_used, m_device));
    }
    int index() const { return m_index; }
    const std::shared_ptr<FakeDevice>& device() const { return m_device; }

private:
    static Error full() { return {ErrorCode::OutOfMemory, "The pretended GPU is full.", {}}; }

    int m_index;
    std::shared_ptr<FakeDevice> m_device = std::make_shared<FakeDevice>();
    std::unique_ptr<backend::Backend> m_inner;
    Used m_used;
};

/// Its stream is done at once; its memory is fetched for a sum and brought back when that is marked.
class FakeRank : public cuda::Rank
{
public:
    FakeRank(FakeBackend& device, bool last)
        : m_index(device.index()), m_device(device.device()), m_last(last)
    {
    }
    int index() const override { return m_index; }
    std::mutex& turn() override { return m_device->turn; }
    void* stream() override { return m_device.get(); }
    std::byte* address(backend::Memory& memory) override
    {
        m_memory = static_cast<FakeMemory&>(memory).inner().get();
        m_copy.resize(static_cast<size_t>(memory.bytes()));
        m_memory->download(m_copy, 0);
        return m_copy.data();
    }
    void use() override {}
    void mark() override
    {
        m_memory->upload(m_copy, 0);
        ++m_sums;
    }
    bool arrived() override
    {
        const int64_t lost = setting("GRADLOOM_FAKE_LOST_SUM", -1);
        if (m_last && m_sums == lost)
            throw backend::DeviceFailure("The pretended GPU fell off the bus. Restart the machine.");
        return m_sums != lost; // the others wait for the last one
    }
    void whileWaiting(std::function<void()> look) override { m_device->look = std::move(look); }

private:
    int m_index;
    std::shared_ptr<FakeDevice> m_device;
    bool m_last;
    backend::Memory* m_memory = nullptr;
    std::vector<std::byte> m_copy;
    int64_t m_sums = 0;
};

bool ncclIs(const std::string& what)
{
    const char* nccl = std::getenv("GRADLOOM_FAKE_NCCL");
    return nccl && nccl == what;
}

backend::NcclReport nccl()
{
    if (ncclIs("missing"))
        return {{}, "NCCL is not installed."};
    return {cuda::ncclVersionText(test::fakeNcclVersion), {}};
}

Result<std::unique_ptr<backend::Communicator>> connect(std::span<backend::Backend* const> devices)
{
    if (ncclIs("missing"))
        return unsupported(nccl().problem);
    test::fakeNccl().initResult = ncclIs("refusing") ? 2 : 0;
    test::fakeNccl().forgetful = ncclIs("forgetful");
    test::fakeNccl().uneven = ncclIs("uneven");
    std::vector<std::unique_ptr<cuda::Rank>> ranks;
    for (backend::Backend* device : devices)
        ranks.push_back(
            std::make_unique<FakeRank>(static_cast<FakeBackend&>(*device), device == devices.back()));
    return cuda::NcclCommunicator::connect(test::fakeNcclFunctions(), std::move(ranks));
}

/// A driver may take its time.
void load()
{
    if (const char* file = std::getenv("GRADLOOM_FAKE_WAIT"))
        while (std::filesystem::exists(file))
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// The pretended GPUs, and one that is too old.
backend::CudaReport report()
{
    load();
    backend::CudaReport report;
    report.runtimeVersion = "13.0";
    report.cudnnVersion = "9.9.9";
    if (const char* problem = std::getenv("GRADLOOM_FAKE_PROBLEM")) {
        report.problem = problem;
        return report;
    }
    report.driverVersion = "580.65.06";
    report.driverCuda = "13.1";
    const auto count = static_cast<int>(setting("GRADLOOM_FAKE_DEVICES", 1));
    for (int index = 0; index < count; ++index)
        report.devices.push_back(
            {index, "Pretended GPU " + std::to_string(index), totalMemory(), totalMemory(), 90, true, {}});
    report.devices.push_back(
        {count, "Ancient GPU", 1'000'000, 500'000, 52, false, cuda::capabilityProblem("Ancient GPU", 52)});
    return report;
}

Result<std::unique_ptr<backend::Backend>> open(int index, const DeviceOptions& options)
{
    return std::unique_ptr<backend::Backend>(std::make_unique<FakeBackend>(index, options));
}

std::unique_ptr<backend::Planner> planner(const DeviceOptions& options)
{
    return std::make_unique<FakeBackend>(0, options);
}

} // namespace

extern "C" const backend::CudaModule* gradloom_cuda_module()
{
    static const backend::CudaModule module{
        backend::cudaModuleAbi, report, open, planner, nullptr, nccl, connect};
    return &module;
}
