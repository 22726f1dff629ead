#include "engine/backend/cuda/module.h"

#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/cuda/cuda_check.h"
#include "engine/backend/cuda/cuda_op.h"

#include <algorithm>

namespace gradloom::cuda {

std::vector<CudaOp> allCudaOps();

namespace {

using backend::CudaDevice;
using backend::CudaReport;

constexpr int oldestCapability = 75;

/// 13010 as "13.1".
std::string cudaVersion(int version)
{
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string cudnnVersion()
{
    const auto version = static_cast<int>(cudnnGetVersion());
    return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
           std::to_string(version % 100);
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

CudaDevice deviceAt(int index)
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
    size_t free = 0;
    size_t total = 0;
    if (device.computeCapability < oldestCapability)
        device.problem = "This GPU is too old: compute capability 7.5 is needed.";
    else if (cudaSetDevice(index) != cudaSuccess || cudaMemGetInfo(&free, &total) != cudaSuccess)
        device.problem = "This GPU cannot be used now; another program may have it to itself.";
    device.freeBytes = static_cast<int64_t>(free);
    device.usable = device.problem.empty();
    cudaGetLastError();
    return device;
}

CudaReport report()
{
    CudaReport report;
    report.runtimeVersion = cudaVersion(CUDART_VERSION);
    report.cudnnVersion = cudnnVersion();
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
    for (int index = 0; index < count; ++index)
        report.devices.push_back(deviceAt(index));
    return report;
}

std::vector<std::string> operations()
{
    std::vector<std::string> ids;
    for (const CudaOp& op : allCudaOps())
        ids.push_back(op.id);
    std::sort(ids.begin(), ids.end());
    return ids;
}

} // namespace

} // namespace gradloom::cuda

extern "C" __attribute__((visibility("default"))) const gradloom::backend::CudaModule* gradloom_cuda_module()
{
    using namespace gradloom;
    static const backend::CudaModule module{
        backend::cudaModuleAbi, cuda::report, cuda::openCuda, cuda::operations};
    return &module;
}
