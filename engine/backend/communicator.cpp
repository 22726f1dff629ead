#include "engine/backend/communicator.h"

#include "engine/backend/module_loader.h"

#include <algorithm>

namespace gradloom::backend {

namespace {

class HostCommunicator : public Communicator
{
public:
    explicit HostCommunicator(std::string note) : m_note(std::move(note)) {}

    void sum(std::span<const MemoryRange> shares) override
    {
        const auto elements = static_cast<size_t>(shares.front().elements);
        if (m_sum.size() < elements) {
            m_sum.resize(elements);
            m_one.resize(elements);
        }
        const auto total = std::span(m_sum).first(elements);
        const auto one = std::span(m_one).first(elements);
        download(shares.front(), total);
        for (const MemoryRange& share : shares.subspan(1)) {
            download(share, one);
            for (size_t i = 0; i < elements; ++i)
                total[i] += one[i];
        }
        for (const MemoryRange& share : shares)
            share.memory->upload(std::as_bytes(total), offsetOf(share));
    }
    std::string note() const override { return m_note; }

private:
    static int64_t offsetOf(const MemoryRange& share)
    {
        return share.firstElement * static_cast<int64_t>(sizeof(float));
    }
    static void download(const MemoryRange& share, std::span<float> into)
    {
        share.memory->download(std::as_writable_bytes(into), offsetOf(share));
    }

    std::vector<float> m_sum;
    std::vector<float> m_one; ///< of one device
    std::string m_note;
};

/// "cuda" too, which stands for one.
bool isGpu(const std::string& id)
{
    return id.starts_with("cuda");
}

/// The first sum makes the connections between the devices, for which memory or rights may be missing: better
/// now than in the first step.
Status tryOut(Communicator& communicator, std::span<const MemoryRange> shares)
{
    try {
        communicator.sum(shares);
        std::byte first{};
        for (const MemoryRange& share : shares) // waits for it
            share.memory->download({&first, 1}, 0);
    } catch (const DeviceFailure& failure) {
        return unsupported(failure.what());
    }
    return {};
}

} // namespace

std::unique_ptr<Communicator> hostCommunicator(std::string note)
{
    return std::make_unique<HostCommunicator>(std::move(note));
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
    std::span<Backend* const> devices, std::span<const MemoryRange> shares)
{
    const bool several = devices.size() > 1;
    if (!std::ranges::all_of(devices, [](const Backend* device) { return isGpu(device->info().id); }))
        return hostCommunicator(several ? "The devices add up their results in the host's memory." : "");
    const LoadedModule loaded = cudaModule();
    if (!loaded.module)
        return hostCommunicator();
    auto connected = loaded.module->connect(devices);
    const Status status = connected ? tryOut(**connected, shares) : connected.error();
    if (status)
        return std::move(*connected);
    return hostCommunicator(several ? status.error().message + " " + sumsOnHost : "");
}

NcclReport ncclReport()
{
    const LoadedModule loaded = cudaModule();
    return loaded.module ? loaded.module->nccl() : NcclReport{{}, loaded.problem};
}

bool haveNccl(std::span<const std::string> ids)
{
    return !ids.empty() && std::ranges::all_of(ids, isGpu) && !ncclReport().version.empty();
}

} // namespace gradloom::backend
