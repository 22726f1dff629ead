#include "engine/backend/cuda/cuda_rank.h"

#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/cuda/cuda_executable.h"
#include "engine/backend/cuda/nccl_library.h"

namespace gradloom::cuda {

namespace {

class CudaRank : public Rank
{
public:
    explicit CudaRank(std::shared_ptr<Device> device) : m_device(std::move(device))
    {
        const std::lock_guard lock(m_device->turn);
        m_device->use();
        m_mark = makeEvent();
    }

    int index() const override { return m_device->index(); }
    std::mutex& turn() override { return m_device->turn; }
    void* stream() override { return m_device->compute(); }
    std::byte* address(backend::Memory& memory) override { return static_cast<CudaMemory&>(memory).data(); }
    void use() override { m_device->use(); }
    void mark() override { check(cudaEventRecord(m_mark.get(), m_device->compute()), "adding up results"); }
    bool arrived() override { return isDone(cudaEventQuery(m_mark.get()), "adding up results"); }
    void whileWaiting(std::function<void()> look) override { m_device->whileWaiting(std::move(look)); }

private:
    std::shared_ptr<Device> m_device;
    Event m_mark;
};

} // namespace

Result<std::unique_ptr<backend::Communicator>> connectCuda(std::span<backend::Backend* const> devices)
{
    const NcclLibrary& nccl = ncclLibrary();
    if (!nccl.report.problem.empty())
        return unsupported(nccl.report.problem);
    try {
        std::vector<std::unique_ptr<Rank>> ranks;
        for (backend::Backend* device : devices) {
            auto opened = deviceOf(*device);
            if (!opened)
                return unsupported("NCCL connects only GPUs, and \"" + device->info().id +
                                   "\" is none: name GPUs only, for example cuda:0,cuda:1.");
            ranks.push_back(std::make_unique<CudaRank>(std::move(opened)));
        }
        return NcclCommunicator::connect(nccl.functions, std::move(ranks));
    } catch (const backend::DeviceFailure& failure) {
        return unsupported(failure.what());
    }
}

} // namespace gradloom::cuda
