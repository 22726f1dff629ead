#include "engine/backend/backend.h"

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/module_loader.h"
#include "engine/base/thread_pool.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <set>

namespace gradloom::backend {

namespace {

constexpr const char* cudaPrefix = "cuda:";

DeviceInfo infoOf(const CudaDevice& device)
{
    DeviceInfo info;
    info.id = cudaPrefix + std::to_string(device.index);
    info.name = device.name;
    info.usable = device.usable;
    info.problem = device.problem;
    info.memoryBytes = device.memoryBytes;
    info.freeBytes = device.freeBytes;
    return info;
}

DeviceInfo noGpu(std::string problem)
{
    DeviceInfo info;
    info.id = "cuda";
    info.name = "NVIDIA GPU";
    info.usable = false;
    info.problem = std::move(problem);
    return info;
}

/// The GPUs of this machine; where there is none, one entry that says why.
std::vector<DeviceInfo> gpus(const LoadedModule& loaded)
{
    if (!loaded.module)
        return {noGpu(loaded.problem)};
    const CudaReport report = loaded.module->report();
    std::vector<DeviceInfo> all;
    for (const CudaDevice& device : report.devices)
        all.push_back(infoOf(device));
    if (all.empty())
        all.push_back(noGpu(report.problem.empty() ? "There is no NVIDIA GPU in this machine." : report.problem));
    for (DeviceInfo& info : all) {
        info.driver = report.driverVersion;
        info.cuda = report.driverCuda;
        info.cudnn = report.cudnnVersion;
    }
    return all;
}

Error unknownDevice(const std::string& id, const std::vector<DeviceInfo>& gpus)
{
    std::string known = "cpu";
    for (const DeviceInfo& device : gpus)
        if (device.usable)
            known += ", " + device.id;
    return unsupported("There is no device \"" + id + "\" here; there are: " + known + ".");
}

/// "cuda:1" to 1, nothing for what is written otherwise.
std::optional<int> gpuIndex(const std::string& id)
{
    const std::string number = id.substr(std::min(id.size(), std::char_traits<char>::length(cudaPrefix)));
    int index = -1;
    const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), index);
    if (!id.starts_with(cudaPrefix) || code != std::errc() || end != number.data() + number.size() || index < 0)
        return std::nullopt;
    return index;
}

/// Calls use(module, number of the GPU) where it can be used.
template <class Use>
auto useGpu(const std::string& id, const Use& use) -> decltype(use(std::declval<const CudaModule&>(), 0))
{
    const LoadedModule loaded = cudaModule();
    const std::vector<DeviceInfo> all = gpus(loaded);
    const auto found = std::find_if(all.begin(), all.end(),
        [&](const DeviceInfo& device) { return id == "cuda" ? device.usable : device.id == id; });
    if (found != all.end() && found->usable)
        return use(*loaded.module, *gpuIndex(found->id));
    if (found != all.end())
        return unsupported(found->problem);
    // Asked for any GPU, or for one of a machine that has none: what is wrong with the first one says it best.
    if (id == "cuda" || all.front().id == "cuda")
        return unsupported(all.front().problem);
    return unknownDevice(id, all);
}

/// GPUs that could be used when plans were to be sized for them. Nobody looks at them again for that, which would ask
/// the driver at every edit of a drawing: plans have the same size on all GPUs. Any thread.
class SeenGpus
{
public:
    bool has(const CudaModule* module, const std::string& id)
    {
        const std::lock_guard lock(m_mutex);
        return m_seen.contains({module, id});
    }
    void add(const CudaModule* module, const std::string& id)
    {
        const std::lock_guard lock(m_mutex);
        m_seen.emplace(module, id);
    }

private:
    std::mutex m_mutex;
    std::set<std::pair<const CudaModule*, std::string>> m_seen;
};

} // namespace

DeviceInfo cpuDevice()
{
    const int cores = ThreadPool::availableCores();
    return {"cpu", "CPU · " + std::to_string(cores) + (cores == 1 ? " thread" : " threads"), true, {}};
}

std::vector<DeviceInfo> devices()
{
    std::vector<DeviceInfo> all{cpuDevice()};
    for (DeviceInfo& gpu : gpus(cudaModule()))
        all.push_back(std::move(gpu));
    return all;
}

Result<std::unique_ptr<Backend>> open(const std::string& id, const DeviceOptions& options)
{
    if (id == "cpu")
        return cpu::openCpu(options);
    if (id == "cuda" || gpuIndex(id))
        return useGpu(id, [&](const CudaModule& module, int index) { return module.open(index, options); });
    return unknownDevice(id, gpus(cudaModule()));
}

Result<std::unique_ptr<Planner>> planner(const std::string& id, const DeviceOptions& options)
{
    if (id == "cpu")
        return cpu::planCpu(options);
    static SeenGpus seen;
    const LoadedModule loaded = cudaModule();
    if (seen.has(loaded.module, id))
        return loaded.module->planner(options);
    if (id == "cuda" || gpuIndex(id))
        return useGpu(id, [&](const CudaModule& module, int) -> Result<std::unique_ptr<Planner>> {
            seen.add(&module, id);
            return module.planner(options);
        });
    return unknownDevice(id, gpus(loaded));
}

Result<ModelMemory> allocateModel(Backend& backend, const ir::Program& program)
{
    ModelMemory memory;
    const auto fill = [&](std::shared_ptr<Memory>& target, int64_t elements) -> Status {
        auto allocated = backend.allocate(elements * static_cast<int64_t>(sizeof(float)));
        if (!allocated)
            return allocated.error();
        target = *allocated;
        return {};
    };
    if (auto status = fill(memory.parameters, program.parameterElements); !status)
        return status.error();
    if (auto status = fill(memory.state, program.stateElements); !status)
        return status.error();
    if (auto status = fill(memory.slots, program.slotElements); !status)
        return status.error();
    return memory;
}

} // namespace gradloom::backend
