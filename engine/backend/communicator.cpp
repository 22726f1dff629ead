#include "engine/backend/communicator.h"

#include "engine/backend/module_loader.h"

#include <algorithm>

namespace gradloom::backend {

namespace {

class HostCommunicator : public Communicator
{
public:
    HostCommunicator(int64_t elements, std::string note)
        : m_sum(static_cast<size_t>(elements)), m_one(static_cast<size_t>(elements)), m_note(std::move(note))
    {
    }

    void sum(
        std::span<const std::shared_ptr<Memory>> memories, int64_t firstElement, int64_t elements) override
    {
        const int64_t offset = firstElement * static_cast<int64_t>(sizeof(float));
        const auto total = std::span(m_sum).first(static_cast<size_t>(elements));
        const auto one = std::span(m_one).first(static_cast<size_t>(elements));
        memories.front()->download(std::as_writable_bytes(total), offset);
        for (const auto& memory : memories.subspan(1)) {
            memory->download(std::as_writable_bytes(one), offset);
            for (size_t i = 0; i < total.size(); ++i)
                total[i] += one[i];
        }
        for (const auto& memory : memories)
            memory->upload(std::as_bytes(total), offset);
    }
    std::string note() const override { return m_note; }

private:
    std::vector<float> m_sum;
    std::vector<float> m_one; ///< of one device
    std::string m_note;
};

bool isGpu(const Backend* device)
{
    return device->info().id.starts_with("cuda:");
}

/// The first sum makes the connections between the devices, for which memory or rights may be missing: better
/// now than in the first step.
Status tryOut(Communicator& communicator, std::span<const std::shared_ptr<Memory>> memories, int64_t elements)
{
    try {
        communicator.sum(memories, 0, elements);
        std::byte first{};
        for (const auto& memory : memories) // waits for it
            memory->download({&first, 1}, 0);
    } catch (const DeviceFailure& failure) {
        return unsupported(failure.what());
    }
    return {};
}

} // namespace

std::unique_ptr<Communicator> hostCommunicator(int64_t elements, std::string note)
{
    return std::make_unique<HostCommunicator>(elements, std::move(note));
}

Result<std::vector<std::shared_ptr<Backend>>> openEach(
    const std::vector<std::string>& ids, const DeviceOptions& options)
{
    std::vector<std::shared_ptr<Backend>> all;
    for (const std::string& name : ids) {
        auto device = open(name, options);
        if (!device)
            return device.error();
        const std::string id = (*device)->info().id; // "cuda" is "cuda:0"
        if (std::any_of(all.begin(), all.end(), [&](const auto& one) { return one->info().id == id; }))
            return invalidArgument("The device \"" + id + "\" is named twice.");
        all.emplace_back(std::move(*device));
    }
    return all;
}

std::unique_ptr<Communicator> connect(
    std::span<Backend* const> devices, std::span<const std::shared_ptr<Memory>> memories, int64_t elements)
{
    const bool several = devices.size() > 1;
    if (!std::all_of(devices.begin(), devices.end(), isGpu))
        return hostCommunicator(
            elements, several ? "The devices add up their gradients in the host's memory." : "");
    const LoadedModule loaded = cudaModule();
    if (!loaded.module)
        return hostCommunicator(elements);
    auto connected = loaded.module->connect(devices);
    const Status status = connected ? tryOut(**connected, memories, elements) : connected.error();
    if (status)
        return std::move(*connected);
    return hostCommunicator(elements, several ? status.error().message + " " + sumsOnHost : "");
}

NcclReport ncclReport()
{
    const LoadedModule loaded = cudaModule();
    return loaded.module ? loaded.module->nccl() : NcclReport{{}, loaded.problem};
}

} // namespace gradloom::backend
