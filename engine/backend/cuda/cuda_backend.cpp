#include "engine/backend/cuda/cuda_backend.h"

#include "engine/backend/cuda/cuda_executable.h"

#include <map>

namespace gradloom::cuda {

namespace {

/// What the driver takes from time to time for itself: code of kernels, which comes to the device when it is
/// first called, CUDA graphs, and the rest of the pages of an allocation (2 MB). An estimate, a generous one.
constexpr int64_t driverBytes = int64_t{256} << 20;
/// NCCL's buffers on each GPU, which depend on how the GPUs are connected. An estimate.
constexpr int64_t ncclBytes = int64_t{512} << 20;

/// Sizes of plans are the same on all GPUs.
int64_t bytesOfPlan(const compile::Plan& plan, const backend::DeviceOptions& options)
{
    return planBytes(plan, {options.precision, options.deterministic});
}

class CudaPlanner : public backend::Planner
{
public:
    explicit CudaPlanner(const backend::DeviceOptions& options) : m_options(options) {}
    bool countsMemory() const override { return true; }
    int64_t planBytes(const compile::Plan& plan) const override { return bytesOfPlan(plan, m_options); }
    int64_t sumBytes() const override { return ncclBytes; }

private:
    backend::DeviceOptions m_options;
};

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
        const backend::DeviceMemory now = allMemory();
        info.memoryBytes = now.total;
        info.freeBytes = now.free;
        return info;
    }

    backend::DeviceMemory memory() const override
    {
        backend::DeviceMemory memory = allMemory();
        memory.free = std::max<int64_t>(0, memory.free - driverBytes);
        return memory;
    }

    bool countsMemory() const override { return true; }
    int64_t planBytes(const compile::Plan& plan) const override { return bytesOfPlan(plan, m_options); }
    int64_t sumBytes() const override { return ncclBytes; }

    Status reserve(int64_t bytes, int64_t untouched) override
    {
        m_untouched = untouched;
        const auto taken = attempt([&] {
            const std::lock_guard lock(m_device->turn);
            m_device->use();
            m_reserved.take(bytes);
            return true;
        });
        return taken ? Status() : Status(taken.error());
    }

    Result<std::shared_ptr<backend::Memory>> allocate(int64_t bytes) override
    {
        return attempt([&] {
            return std::shared_ptr<backend::Memory>(
                std::make_shared<CudaMemory>(m_device, m_reserved, bytes));
        });
    }

    Result<std::unique_ptr<backend::Executable>> load(
        std::shared_ptr<const compile::Plan> plan, const backend::ModelMemory& model) override
    {
        return attempt([&] {
            const std::lock_guard lock(m_device->turn);
            m_device->use();
            m_device->wait(); // looks at the other GPUs meanwhile; the libraries' own waiting would not
            Libraries& libraries = m_device->libraries();
            const CudaExecutable::How how{
                {m_options.precision, m_options.deterministic, &libraries, &libraries.alternatives()},
                m_reserved, [this] { return memory().free - m_untouched; }};
            return std::unique_ptr<backend::Executable>(
                std::make_unique<CudaExecutable>(m_device, std::move(plan), model, how));
        });
    }

private:
    backend::DeviceMemory allMemory() const
    {
        size_t free = 0;
        size_t total = 0;
        if (cudaSetDevice(m_device->index()) != cudaSuccess || cudaMemGetInfo(&free, &total) != cudaSuccess) {
            cudaGetLastError();
            return {};
        }
        return {static_cast<int64_t>(total), static_cast<int64_t>(free)};
    }

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
    ReservedMemory m_reserved; ///< to be used by who has the device's turn
    int64_t m_untouched = 0;   ///< by workspaces of libraries
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

std::unique_ptr<backend::Planner> planCuda(const backend::DeviceOptions& options)
{
    return std::make_unique<CudaPlanner>(options);
}

std::shared_ptr<Device> deviceOf(backend::Backend& opened)
{
    const auto* cuda = dynamic_cast<CudaBackend*>(&opened);
    return cuda ? cuda->device() : nullptr;
}

} // namespace gradloom::cuda
