#pragma once

#include "engine/backend/cuda/module.h"

#include <filesystem>

namespace gradloom::backend {

/// The CUDA module as this program found it.
struct LoadedModule
{
    const CudaModule* module = nullptr; ///< nullptr where it cannot be used
    std::string problem;                ///< then one sentence: what is missing and what to do
};

/// File name of the module.
inline constexpr const char* cudaModuleName = "libgradloom_cuda.so";
/// Environment variable with the path of the module, for a module in another place.
inline constexpr const char* cudaModuleVariable = "GRADLOOM_CUDA_MODULE";

/// Loads a module and checks that it is of this version. It stays loaded until the program ends; a path is
/// looked at once. Any thread.
LoadedModule loadModule(const std::filesystem::path& file);

/// The module of this program: where the environment variable says, else beside the program, else in
/// ../lib/gradloom.
LoadedModule cudaModule();

} // namespace gradloom::backend
