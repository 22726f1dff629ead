#pragma once

#include <string>

namespace gradloom::cuda {

/// 91300 as "9.13.0".
inline std::string cudnnVersionText(int version)
{
    return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
           std::to_string(version % 100);
}

/// Numbers as cuDNN and CUDA give their versions.
struct CudnnVersions
{
    int installed = 0, needed = 0;       ///< of cuDNN; needed is what the module was built with
    int cudaOfInstalled = 0, ofCuda = 0; ///< CUDA that cuDNN was made for, and that the module was built with
};

/// Why the installed cuDNN cannot be used, in one sentence; empty where it can. A newer one of the same major
/// version can, an older patch of the same minor one too.
inline std::string cudnnProblem(const CudnnVersions& v)
{
    const std::string installed = "cuDNN " + cudnnVersionText(v.installed) + " is installed";
    const std::string major = std::to_string(v.ofCuda / 1000);
    if (v.cudaOfInstalled / 1000 != v.ofCuda / 1000)
        return installed + " for CUDA " + std::to_string(v.cudaOfInstalled / 1000) +
               ", but the CUDA module needs the one for CUDA " + major + "; install that.";
    if (v.installed / 10000 != v.needed / 10000 || v.installed / 100 < v.needed / 100)
        return installed + ", but the CUDA module needs " + cudnnVersionText(v.needed / 100 * 100) +
               " or newer; install cuDNN " + std::to_string(v.needed / 10000) + " for CUDA " + major +
               " anew.";
    return {};
}

} // namespace gradloom::cuda
