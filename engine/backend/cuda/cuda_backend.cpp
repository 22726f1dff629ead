#include "engine/backend/cuda/cuda_backend.h"

#include "engine/backend/cuda/cuda_executable.h"

#include <map>

namespace gradloom::cuda {

namespace {

class CudaBackend : public backend::Backend
{
public:
    CudaBackend(std::shared_ptr<Device> device, const backend::DeviceOptions& options)
        : m_device(std::move(device)), m_options(options)
    {
    }

    const std::shared_ptr<Device>& device() const { return m_device; }

    backend::DeviceInfo info() const override
    {
        backend::DeviceInfo info;
        info.id = "cuda:" + std::to_string(m_device->index());
        info.name = m_device->name();
        const backend::DeviceMemory now = memory();
        info.memoryBytes = now.total;
        info.freeBytes = now.free;
        return info;
    }

    backend::DeviceMemory memory() const override
    {
        size_t free = 0;
        size_t total = 0;
        if (cudaSetDevice(m_device->index()) != cudaSuccess || cudaMemGetInfo(&free, &total) != cudaSuccess) {
            cudaGetLastError();
            return {};
        }
        return {static_cast<int64_t>(total), static_cast<int64_t>(free)};
    }

    Result<std::shared_ptr<backend::Memory>> allocate(int64_t bytes) override
    {
        return attempt(
            [&] { return std::shared_ptr<backend::Memory>(std::make_shared<CudaMemory>(m_device, bytes)); });
    }

    Result<std::unique_ptr<backend::Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model) override
    {
        return attempt([&] {
            const std::lock_guard lock(m_device->turn);
            m_device->use();
            m_device->wait(); // looks at the other GPUs meanwhile; the libraries' own waiting would not
            return std::unique_ptr<backend::Executable>(
                std::make_unique<CudaExecutable>(m_device, std::move(plan), model, m_options));
        });
    }

private:
    /// Turns the exceptions of the device into errors.
    template <class Action>
    static auto attempt(const Action& action) -> Result<decltype(action())>
    {
        try {
            return action();
        } catch (const OutOfDeviceMemory& failure) {
            return Error{ErrorCode::OutOfMemory, sentence(failure), {}};
        } catch (const OutOfPinnedMemory& failure) {
            return Error{ErrorCode::OutOfMemory, failure.what(), {}};
        } catch (const backend::DeviceFailure& failure) {
            return Error{ErrorCode::Internal, failure.what(), {}};
        } catch (const std::bad_alloc&) {
            return Error{
                ErrorCode::OutOfMemory, "This machine has too little memory free for the network.", {}};
        }
    }

    static std::string sentence(const OutOfDeviceMemory& failure)
    {
        size_t free = 0;
        size_t total = 0;
        std::string text = failure.what();
        if (cudaMemGetInfo(&free, &total) == cudaSuccess)
            text +=
                " " + std::to_string(free >> 20) + " of its " + std::to_string(total >> 20) + " MB are free.";
        return text + " Use a smaller batch or a smaller network.";
    }

    std::shared_ptr<Device> m_device;
    backend::DeviceOptions m_options;
};

/// One for all backends of a GPU: they take turns, so that none disturbs what another one captures.
std::shared_ptr<Device> sharedDevice(int index)
{
    static std::mutex mutex;
    static std::map<int, std::weak_ptr<Device>> opened;
    const std::lock_guard lock(mutex);
    std::weak_ptr<Device>& known = opened[index];
    auto device = known.lock();
    if (!device)
        known = device = std::make_shared<Device>(index);
    return device;
}

} // namespace

Result<std::unique_ptr<backend::Backend>> openCuda(int index, const backend::DeviceOptions& options)
{
    try {
        auto opened = std::make_unique<CudaBackend>(sharedDevice(index), options);
        if (options.precision == backend::Precision::Bf16 && !opened->device()->libraries().hasShortFloats())
            return unsupported("The GPU " + opened->device()->name() +
                               " does not know bfloat16; choose TF32 or float32 as the precision.");
        return std::unique_ptr<backend::Backend>(std::move(opened));
    } catch (const OutOfDeviceMemory& failure) {
        return Error{ErrorCode::OutOfMemory, failure.what(), {}};
    } catch (const backend::DeviceFailure& failure) {
        return unsupported(failure.what());
    }
}

std::shared_ptr<Device> deviceOf(backend::Backend& opened)
{
    const auto* cuda = dynamic_cast<CudaBackend*>(&opened);
    return cuda ? cuda->device() : nullptr;
}

} // namespace gradloom::cuda
