#include "engine/backend/backend.h"

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/base/thread_pool.h"

namespace gradloom::backend {

std::vector<DeviceInfo> devices()
{
    const int cores = ThreadPool::availableCores();
    return {{"cpu", "CPU · " + std::to_string(cores) + (cores == 1 ? " thread" : " threads"), true, {}}};
}

Result<std::unique_ptr<Backend>> open(const std::string& id, const DeviceOptions& options)
{
    if (id == "cpu")
        return cpu::openCpu(options);
    std::string known;
    for (const DeviceInfo& device : devices())
        known += (known.empty() ? "" : ", ") + device.id;
    return unsupported("there is no device \"" + id + "\" here; this build can use: " + known + ".");
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
