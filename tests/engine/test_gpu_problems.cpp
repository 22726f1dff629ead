#include "engine/backend/cuda/cudnn_version.h"
#include "engine/backend/cuda/driver_library.h"
#include "engine/backend/cuda/gpu_problem.h"
#include "tests/fake_cuda/fake_cuda.h"

#include <gtest/gtest.h>

/// What is said where a GPU cannot be used, and what is known of the driver.
namespace gradloom::tests {

using namespace cuda;

TEST(GpuProblem, NoDriver)
{
    const std::string sentence =
        "There is no NVIDIA driver on this machine; install one for CUDA 13.0 or newer "
        "to compute on a GPU.";
    EXPECT_EQ(driverProblem({0, 13000, true}), sentence); // what CUDA answers then
    EXPECT_EQ(driverProblem({0, 13000, false, true}), sentence);
}

TEST(GpuProblem, ADriverThatIsTooOld)
{
    const std::string sentence = "The NVIDIA driver knows CUDA 12.4 only, but CUDA 13.1 is needed; install a "
                                 "newer driver.";
    EXPECT_EQ(driverProblem({12040, 13010, true}), sentence);
    EXPECT_EQ(driverProblem({12040, 13010, false, true}), sentence) << "whatever else CUDA answers";
    EXPECT_EQ(driverProblem({13000, 13010, true}),
        "The NVIDIA driver knows CUDA 13.0 only, but CUDA 13.1 is needed; install a newer driver.");
}

TEST(GpuProblem, NoDevice)
{
    EXPECT_EQ(driverProblem({13000, 13010, false, true}), "There is no NVIDIA GPU in this machine.");
    EXPECT_EQ(driverProblem({14000, 13010, false, true}), "There is no NVIDIA GPU in this machine.");
}

TEST(GpuProblem, CudaThatCannotStart)
{
    EXPECT_EQ(driverProblem({13000, 13000, false, false, "system not yet initialized"}),
        "CUDA cannot start (system not yet initialized); restart the machine, or install NVIDIA's driver "
        "anew if "
        "nvidia-smi lists no GPU either.");
}

TEST(GpuProblem, AGpuThatDoesNotAnswer)
{
    EXPECT_EQ(silenceProblem("GPU 1", "unspecified launch failure"),
        "GPU 1 does not answer (unspecified launch failure); restart the machine.");
}

TEST(GpuProblem, AGpuThatIsTooOld)
{
    EXPECT_EQ(capabilityProblem("NVIDIA TITAN V", 70),
        "NVIDIA TITAN V is too old: its compute capability is 7.0, 7.5 is needed; choose another GPU or the "
        "CPU.");
    for (const int fits : {75, 80, 90, 120})
        EXPECT_EQ(capabilityProblem("NVIDIA L4", fits), "") << fits;
}

TEST(GpuProblem, ACudnnThatDoesNotFit)
{
    for (const int fits : {91301, 91300, 91400, 92000})
        EXPECT_EQ(cudnnProblem({fits, 91301, 13000, 13010}), "") << fits;
    EXPECT_EQ(cudnnProblem({90802, 91301, 13000, 13010}),
        "cuDNN 9.8.2 is installed, but the CUDA module needs 9.13.0 or newer; install cuDNN 9 for CUDA 13 "
        "anew.");
    EXPECT_EQ(cudnnProblem({91301, 91301, 12090, 13000}),
        "cuDNN 9.13.1 is installed for CUDA 12, but the CUDA module needs the one for CUDA 13; install "
        "that.");
}

TEST(DriverLibrary, KnowsTheVersionAndWhatIsFree)
{
    const DriverLibrary driver(FAKE_NVML);
    EXPECT_EQ(driver.version(), "580.65.06");
    EXPECT_EQ(driver.freeBytes("00000000:01:00.0"), 17'000);
    EXPECT_EQ(driver.freeBytes("00000000:02:00.0"), 0);
}

TEST(DriverLibrary, KnowsNothingWithoutADriver)
{
    const auto expectNothing = [](const DriverLibrary& driver) {
        EXPECT_EQ(driver.version(), "");
        EXPECT_EQ(driver.freeBytes("00000000:01:00.0"), 0);
    };
    expectNothing(DriverLibrary("libgradloom_nowhere.so"));
    expectNothing(DriverLibrary(FAKE_CUDA_SOMETHING_ELSE));
    test::Environment environment;
    environment.set("GRADLOOM_FAKE_NVML", "silent");
    expectNothing(DriverLibrary(FAKE_NVML));
}

} // namespace gradloom::tests
