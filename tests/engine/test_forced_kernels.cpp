#include "engine/backend/cpu/kernels/simd.h"
#include "engine/backend/cpu/kernels/winograd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

/// Forces kernels for a whole run of the test program: GRADLOOM_TEST_SIMD names an instruction set as Highway
/// spells it, GRADLOOM_TEST_CONVOLUTION is "direct" or "winograd". CMakeLists.txt runs the tests of numbers
/// so.
namespace gradloom::tests {
namespace {

std::string setting(const char* variable)
{
    const char* value = std::getenv(variable);
    return value ? value : "";
}

class ForcedKernelsEnvironment : public testing::Environment
{
public:
    void SetUp() override
    {
        const std::string simd = setting("GRADLOOM_TEST_SIMD");
        const auto known = cpu::simdTargets();
        if (!simd.empty() && std::find(known.begin(), known.end(), simd) == known.end()) {
            std::cout << "this machine has no " << simd << '\n';
            std::exit(0);
        }
        if (!simd.empty())
            cpu::forceSimdTarget(simd);
        const std::string convolution = setting("GRADLOOM_TEST_CONVOLUTION");
        if (!convolution.empty())
            cpu::forceConvAlgorithm(
                convolution == "winograd" ? cpu::ConvAlgorithm::Winograd : cpu::ConvAlgorithm::Direct);
    }
};

[[maybe_unused]] const auto* const environment =
    testing::AddGlobalTestEnvironment(new ForcedKernelsEnvironment);

TEST(ForcedKernels, AreTheOnesAskedFor)
{
    if (const std::string simd = setting("GRADLOOM_TEST_SIMD"); !simd.empty()) {
        EXPECT_EQ(cpu::simdTarget(), simd);
    }
    const std::string convolution = setting("GRADLOOM_TEST_CONVOLUTION");
    cpu::ConvShape shape{.n = 1, .h = 9, .w = 9, .c = 1, .k = 1, .kh = 3, .kw = 3};
    if (!convolution.empty()) {
        EXPECT_EQ(cpu::prefersWinograd(shape), convolution == "winograd");
    }
}

} // namespace
} // namespace gradloom::tests
