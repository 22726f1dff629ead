#include "engine/backend/cuda/module.h"

// Libraries that cannot serve as the module: one of another version, one that is something else.
#ifdef OTHER_VERSION
extern "C" const gradloom::backend::CudaModule* gradloom_cuda_module()
{
    static const gradloom::backend::CudaModule module{
        gradloom::backend::cudaModuleAbi + 1000, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
    return &module;
}
#else
extern "C" int something_else()
{
    return 1;
}
#endif
