#pragma once

#include "engine/backend/communicator.h"

#include <cstdint>
#include <string>
#include <vector>

/// What the shared module `gradloom_cuda` offers to the program, which never links to it. The program loads
/// the module when somebody asks for a GPU, finds `gradloom_cuda_module` in it by name and checks `abi`
/// before anything else.
///
/// Program and module are built from one source tree and talk through classes whose functions are all virtual
/// (Backend, Executable, Memory, Communicator) and through plain values (Plan, Result, std::string). The
/// module therefore needs no symbol of the program: it compiles the few sources of the engine whose functions
/// those values call (Shape, Params) into itself, hidden from others. A program that exported its symbols to
/// modules would have to keep every engine function, used or not, and could not be stripped.
namespace gradloom::backend {

/// Changes whenever Backend, Executable, Communicator, Plan, the operands of a primitive or the struct below
/// change in a way that an older module would misread.
inline constexpr uint32_t cudaModuleAbi = 8;

/// A CUDA device of this machine, usable or not.
struct CudaDevice
{
    int index = 0;
    std::string name;
    int64_t memoryBytes = 0;
    int64_t freeBytes = 0;     ///< 0 where nobody knows
    int computeCapability = 0; ///< 90 means 9.0
    bool usable = false;
    std::string problem; ///< one sentence where it is not usable
};

/// What the module finds on this machine. `problem` says in one sentence why there is no device at all.
struct CudaReport
{
    std::string driverVersion;  ///< "580.65.06"; empty without a driver or where it does not say
    std::string driverCuda;     ///< newest CUDA the driver knows, "13.0"; empty without a driver
    std::string runtimeVersion; ///< CUDA the module was built with
    std::string cudnnVersion;   ///< "9.13.0"
    std::vector<CudaDevice> devices;
    std::string problem;
};

struct CudaModule
{
    uint32_t abi = cudaModuleAbi;
    /// Looks at the machine; never throws, takes no device memory.
    CudaReport (*report)() = nullptr;
    /// Opens device `index` of the report. Errors are one sentence that says what to do.
    Result<std::unique_ptr<Backend>> (*open)(int index, const DeviceOptions& options) = nullptr;
    /// Sizes plans for a device of the report that is opened with these options, and takes no device memory.
    std::unique_ptr<Planner> (*planner)(const DeviceOptions& options) = nullptr;
    /// Ids of all primitives the module implements, sorted; for tests.
    std::vector<std::string> (*operations)() = nullptr;
    /// Looks for NCCL, which is loaded only now; never throws.
    NcclReport (*nccl)() = nullptr;
    /// Lets devices that this module opened add up with NCCL. The error is one sentence; they can still add up
    /// in the host's memory.
    Result<std::unique_ptr<Communicator>> (*connect)(std::span<Backend* const> devices) = nullptr;
};

} // namespace gradloom::backend

/// The only symbol the module exports. The object lives as long as the module is loaded.
extern "C" const gradloom::backend::CudaModule* gradloom_cuda_module();
