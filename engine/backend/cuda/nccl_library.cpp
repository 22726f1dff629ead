#include "engine/backend/cuda/nccl_library.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <type_traits>

#if __has_include(<nccl.h>)
#include <nccl.h>
#endif

namespace gradloom::cuda {

namespace {

#ifdef NCCL_MAJOR
// What NcclFunctions takes for granted is what NCCL declares.
static_assert(NCCL_MAJOR == 2);
static_assert(sizeof(ncclResult_t) == sizeof(int) && sizeof(ncclComm_t) == sizeof(NcclFunctions::Comm));
static_assert(ncclSuccess == NcclFunctions::success && ncclInProgress == NcclFunctions::inProgress);
static_assert(ncclFloat32 == NcclFunctions::float32 && ncclSum == NcclFunctions::sum);
template <class Declared, class... Arguments>
constexpr bool takes = std::is_invocable_r_v<ncclResult_t, Declared, Arguments...>;
static_assert(takes<decltype(ncclGetVersion), int*> && takes<decltype(ncclGroupStart)> &&
              takes<decltype(ncclGroupEnd)>);
static_assert(takes<decltype(ncclCommInitAll), ncclComm_t*, int, const int*>);
static_assert(takes<decltype(ncclAllReduce), const void*, void*, size_t, ncclDataType_t, ncclRedOp_t,
    ncclComm_t, cudaStream_t>);
static_assert(takes<decltype(ncclCommGetAsyncError), ncclComm_t, ncclResult_t*>);
static_assert(takes<decltype(ncclCommAbort), ncclComm_t> && takes<decltype(ncclCommDestroy), ncclComm_t>);
#endif

constexpr const char* fileName = "libnccl.so.2";

template <class F>
bool find(void* library, const char* name, F& function)
{
    function = reinterpret_cast<F>(dlsym(library, name));
    return function != nullptr;
}

bool findAll(void* library, NcclFunctions& f)
{
    return find(library, "ncclGetVersion", f.getVersion) &&
           find(library, "ncclGetErrorString", f.getErrorString) &&
           find(library, "ncclCommInitAll", f.commInitAll) && find(library, "ncclAllReduce", f.allReduce) &&
           find(library, "ncclGroupStart", f.groupStart) && find(library, "ncclGroupEnd", f.groupEnd) &&
           find(library, "ncclCommGetAsyncError", f.commGetAsyncError) &&
           find(library, "ncclCommAbort", f.commAbort) && find(library, "ncclCommDestroy", f.commDestroy);
}

NcclLibrary load()
{
    NcclLibrary nccl;
    const std::string remedy = "Install NCCL 2 for CUDA " + std::to_string(CUDART_VERSION / 1000) + ".";
    void* library = dlopen(fileName, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char* message = dlerror();
        const std::string reason = message ? message : "unknown reason";
        const bool missing = reason.starts_with(std::string(fileName) + ": cannot open shared object file");
        nccl.report.problem = (missing ? std::string("NCCL is not installed (") + fileName + " is not found). "
                                       : "NCCL cannot be loaded (" + reason + "). ") +
                              remedy;
        return nccl;
    }
    int version = 0;
    if (!findAll(library, nccl.functions) || nccl.functions.getVersion(&version) != NcclFunctions::success) {
        dlclose(library);
        nccl.report.problem = std::string(fileName) + " is no complete NCCL. " + remedy;
        return nccl;
    }
    nccl.report.version = ncclVersionText(version);
    return nccl;
}

} // namespace

const NcclLibrary& ncclLibrary()
{
    static const NcclLibrary library = load();
    return library;
}

} // namespace gradloom::cuda
