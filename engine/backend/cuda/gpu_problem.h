#pragma once

#include <string>

/// Why a GPU cannot be used, in one sentence each that says what to do.
namespace gradloom::cuda {

/// Compute capability of the oldest GPU that the kernels are built for, 7.5.
inline constexpr int oldestCapability = 75;

/// 13010, as CUDA gives its versions, as "13.1".
inline std::string cudaVersionText(int version)
{
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// What CUDA answered when it was asked for GPUs and gave none.
struct CudaAnswer
{
    int driver = 0;         ///< newest CUDA the driver knows; 0 without a driver
    int needed = 0;         ///< CUDA that the module was built with
    bool tooOld = false;    ///< cudaErrorInsufficientDriver
    bool noDevice = false;  ///< cudaErrorNoDevice, or none counted
    std::string words = {}; ///< CUDA's own for any other error
};

/// Why CUDA cannot start. A driver of the same major version is new enough.
inline std::string driverProblem(const CudaAnswer& answer)
{
    const std::string needed = "CUDA " + cudaVersionText(answer.needed);
    if (answer.driver == 0)
        return "There is no NVIDIA driver on this machine; install one for " + needed +
               " or newer to compute on a GPU.";
    if (answer.tooOld || answer.driver / 1000 < answer.needed / 1000)
        return "The NVIDIA driver knows CUDA " + cudaVersionText(answer.driver) + " only, but " + needed +
               " is needed; install a newer driver.";
    if (answer.noDevice)
        return "There is no NVIDIA GPU in this machine.";
    return "CUDA cannot start (" + answer.words +
           "); restart the machine, or install NVIDIA's driver anew if nvidia-smi lists no GPU either.";
}

/// Of a GPU that does not even say what it is; `words` are CUDA's own.
inline std::string silenceProblem(const std::string& name, const std::string& words)
{
    return name + " does not answer (" + words + "); restart the machine.";
}

/// Of a GPU of this compute capability (86 means 8.6); empty where it can be used.
inline std::string capabilityProblem(const std::string& name, int capability)
{
    const auto text = [](int number) {
        return std::to_string(number / 10) + "." + std::to_string(number % 10);
    };
    if (capability >= oldestCapability)
        return {};
    return name + " is too old: its compute capability is " + text(capability) + ", " +
           text(oldestCapability) + " is needed; choose another GPU or the CPU.";
}

} // namespace gradloom::cuda
