#include "engine/backend/cuda/module.h"

#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/cuda/cuda_check.h"
#include "engine/backend/cuda/cuda_op.h"
#include "engine/backend/cuda/cuda_rank.h"
#include "engine/backend/cuda/cudnn_version.h"
#include "engine/backend/cuda/nccl_library.h"

#include <algorithm>

#include <dlfcn.h>

namespace gradloom::cuda {

namespace {

using backend::CudaDevice;
using backend::CudaReport;

constexpr int oldestCapability = 75;

/// 13010 as "13.1".
std::string cudaVersion(int version)
{
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string noDriver()
{
    return "There is no NVIDIA driver on this machine; install one for CUDA " + cudaVersion(CUDART_VERSION) +
           " or newer to compute on a GPU.";
}

/// Why CUDA cannot start.
std::string problemOf(cudaError_t status, int driver)
{
    if (driver == 0)
        return noDriver();
    if (status == cudaErrorInsufficientDriver || driver / 1000 < CUDART_VERSION / 1000)
        return "The NVIDIA driver knows CUDA " + cudaVersion(driver) + " only, but CUDA " +
               cudaVersion(CUDART_VERSION) + " is needed; install a newer driver.";
    if (status == cudaErrorNoDevice)
        return "There is no NVIDIA GPU in this machine.";
    return std::string("CUDA cannot start: ") + cudaGetErrorString(status) + ".";
}

/// Asks the driver's management library, because CUDA itself would first take memory for its context on the
/// device.
class DriverLibrary
{
public:
    DriverLibrary() : m_library(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL))
    {
        using Start = int (*)();
        const auto start = function<Start>("nvmlInit_v2");
        m_handleOf = function<HandleOf>("nvmlDeviceGetHandleByPciBusId_v2");
        m_memoryOf = function<MemoryOf>("nvmlDeviceGetMemoryInfo");
        m_ready = start && m_handleOf && m_memoryOf && start() == 0;
    }
    ~DriverLibrary()
    {
        using Stop = int (*)();
        if (const auto stop = function<Stop>("nvmlShutdown"); stop && m_ready)
            stop();
        if (m_library)
            dlclose(m_library);
    }
    DriverLibrary(const DriverLibrary&) = delete;
    DriverLibrary& operator=(const DriverLibrary&) = delete;

    /// Free bytes of a device, 0 where nobody knows.
    int64_t freeBytes(int index) const
    {
        char bus[32] = {};
        void* handle = nullptr;
        Memory memory;
        if (!m_ready || cudaDeviceGetPCIBusId(bus, sizeof bus, index) != cudaSuccess ||
            m_handleOf(bus, &handle) != 0 || m_memoryOf(handle, &memory) != 0)
            return 0;
        return static_cast<int64_t>(memory.free);
    }

private:
    /// nvmlMemory_t
    struct Memory
    {
        unsigned long long total = 0, free = 0, used = 0;
    };
    using HandleOf = int (*)(const char*, void**);
    using MemoryOf = int (*)(void*, Memory*);

    template <class F>
    F function(const char* name) const
    {
        return m_library ? reinterpret_cast<F>(dlsym(m_library, name)) : nullptr;
    }

    void* m_library;
    HandleOf m_handleOf = nullptr;
    MemoryOf m_memoryOf = nullptr;
    bool m_ready = false;
};

CudaDevice deviceAt(int index, const DriverLibrary& driver, const std::string& libraryProblem)
{
    CudaDevice device;
    device.index = index;
    cudaDeviceProp properties{};
    const cudaError_t status = cudaGetDeviceProperties(&properties, index);
    if (status != cudaSuccess) {
        device.name = "GPU " + std::to_string(index);
        device.problem = std::string("The GPU does not answer: ") + cudaGetErrorString(status) + ".";
        return device;
    }
    device.name = properties.name;
    device.memoryBytes = static_cast<int64_t>(properties.totalGlobalMem);
    device.computeCapability = properties.major * 10 + properties.minor;
    device.freeBytes = driver.freeBytes(index);
    device.problem = device.computeCapability < oldestCapability
                         ? "This GPU is too old: compute capability 7.5 is needed."
                         : libraryProblem;
    device.usable = device.problem.empty();
    return device;
}

CudaReport report()
{
    CudaReport report;
    report.runtimeVersion = cudaVersion(CUDART_VERSION);
    const CudnnVersions cudnn{static_cast<int>(cudnnGetVersion()), CUDNN_VERSION,
        static_cast<int>(cudnnGetCudartVersion()), CUDART_VERSION};
    report.cudnnVersion = cudnnVersionText(cudnn.installed);
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver > 0)
        report.driverVersion = cudaVersion(driver);
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
        cudaGetLastError();
        report.problem = problemOf(status == cudaSuccess ? cudaErrorNoDevice : status, driver);
        return report;
    }
    const DriverLibrary library;
    for (int index = 0; index < count; ++index)
        report.devices.push_back(deviceAt(index, library, cudnnProblem(cudnn)));
    cudaGetLastError(); // what a device did not answer is in its problem
    return report;
}

/// As openCuda, but what is wrong with the machine is said as in the report.
Result<std::unique_ptr<backend::Backend>> openDevice(int index, const backend::DeviceOptions& options)
{
    const CudaReport found = report();
    if (!found.problem.empty())
        return unsupported(found.problem);
    if (index < 0 || index >= static_cast<int>(found.devices.size()))
        return unsupported("There is no GPU " + std::to_string(index) + " in this machine.");
    if (const CudaDevice& device = found.devices[static_cast<size_t>(index)]; !device.usable)
        return unsupported(device.problem);
    return openCuda(index, options);
}

std::vector<std::string> operations()
{
    std::vector<std::string> ids;
    for (const CudaOp& op : allCudaOps())
        ids.push_back(op.id);
    std::sort(ids.begin(), ids.end());
    return ids;
}

backend::NcclReport nccl()
{
    return ncclLibrary().report;
}

} // namespace

} // namespace gradloom::cuda

extern "C" __attribute__((visibility("default"))) const gradloom::backend::CudaModule* gradloom_cuda_module()
{
    using namespace gradloom;
    static const backend::CudaModule module{backend::cudaModuleAbi, cuda::report, cuda::openDevice,
        cuda::planCuda, cuda::operations, cuda::nccl, cuda::connectCuda};
    return &module;
}
