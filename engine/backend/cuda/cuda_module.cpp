#include "engine/backend/cuda/module.h"

#include "engine/backend/cuda/cuda_backend.h"
#include "engine/backend/cuda/cuda_check.h"
#include "engine/backend/cuda/cuda_op.h"
#include "engine/backend/cuda/cuda_rank.h"
#include "engine/backend/cuda/cudnn_version.h"
#include "engine/backend/cuda/driver_library.h"
#include "engine/backend/cuda/gpu_problem.h"
#include "engine/backend/cuda/nccl_library.h"

#include <algorithm>

namespace gradloom::cuda {

namespace {

using backend::CudaDevice;
using backend::CudaReport;

int64_t freeBytes(const DriverLibrary& driver, int index)
{
    char bus[32] = {};
    return cudaDeviceGetPCIBusId(bus, sizeof bus, index) == cudaSuccess ? driver.freeBytes(bus) : 0;
}

CudaDevice deviceAt(int index, const DriverLibrary& driver, const std::string& libraryProblem)
{
    CudaDevice device;
    device.index = index;
    cudaDeviceProp properties{};
    const cudaError_t status = cudaGetDeviceProperties(&properties, index);
    if (status != cudaSuccess) {
        device.name = "GPU " + std::to_string(index);
        device.problem = silenceProblem(device.name, cudaGetErrorString(status));
        return device;
    }
    device.name = properties.name;
    device.memoryBytes = static_cast<int64_t>(properties.totalGlobalMem);
    device.computeCapability = properties.major * 10 + properties.minor;
    device.freeBytes = freeBytes(driver, index);
    device.problem = capabilityProblem(device.name, device.computeCapability);
    if (device.problem.empty())
        device.problem = libraryProblem;
    device.usable = device.problem.empty();
    return device;
}

CudaReport report()
{
    CudaReport report;
    report.runtimeVersion = cudaVersionText(CUDART_VERSION);
    const CudnnVersions cudnn{static_cast<int>(cudnnGetVersion()), CUDNN_VERSION,
        static_cast<int>(cudnnGetCudartVersion()), CUDART_VERSION};
    report.cudnnVersion = cudnnVersionText(cudnn.installed);
    const DriverLibrary library;
    report.driverVersion = library.version();
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver > 0)
        report.driverCuda = cudaVersionText(driver);
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
        cudaGetLastError();
        report.problem = driverProblem({driver, CUDART_VERSION, status == cudaErrorInsufficientDriver,
            status == cudaErrorNoDevice || status == cudaSuccess, cudaGetErrorString(status)});
        return report;
    }
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
