#pragma once

#include "engine/backend/cpu/kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

/// Helpers for the tests of the CPU kernels.
namespace kernel_test {

/// A buffer of floats between two guard zones. It starts out as NaN, so that a kernel that reads what nobody
/// wrote shows in its result, and it is not aligned, so that nothing depends on alignment.
class Buffer
{
public:
    explicit Buffer(int64_t size) : m_size(size), m_data(static_cast<size_t>(size) + 2 * guard, canary)
    {
        std::fill(begin(), end(), std::numeric_limits<float>::quiet_NaN());
    }
    ~Buffer() { EXPECT_TRUE(intact()) << "a guard zone was written"; }
    Buffer(const Buffer&) = default;
    Buffer& operator=(const Buffer&) = default;

    float* data() { return m_data.data() + guard; }
    const float* data() const { return m_data.data() + guard; }
    int64_t size() const { return m_size; }
    float* begin() { return data(); }
    float* end() { return data() + m_size; }
    const float* begin() const { return data(); }
    const float* end() const { return data() + m_size; }
    float& operator[](int64_t i) { return data()[i]; }
    float operator[](int64_t i) const { return data()[i]; }

    bool intact() const
    {
        for (size_t i = 0; i < guard; ++i)
            if (m_data[i] != canary || m_data[m_data.size() - 1 - i] != canary)
                return false;
        return true;
    }

private:
#if defined(__SANITIZE_ADDRESS__)
    static constexpr size_t guard = 0; // the sanitizer sees reads too, if the buffer ends where memory ends
#else
    static constexpr size_t guard = 67;
#endif
    static constexpr float canary = 1.2345e30F;
    int64_t m_size;
    std::vector<float> m_data;
};

inline Buffer randomBuffer(int64_t size, unsigned seed, float low = -1.0F, float high = 1.0F)
{
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> values(low, high);
    Buffer buffer(size);
    for (float& v : buffer)
        v = values(generator);
    return buffer;
}

/// Sums in double precision with the sum of magnitudes, which scales the tolerance.
struct Sum
{
    double value = 0;
    double magnitude = 0;
    void add(double v)
    {
        value += v;
        magnitude += std::abs(v);
    }
};

/// Whose magnitude the rounding errors go with: Winograd's transforms mix neighbouring sums, and their errors
/// (RMS 8e-7 of a sum over 64 channels) are allowed five times that.
enum class ErrorScale { Own, Largest };

inline void expectNear(const Buffer& actual, const std::vector<Sum>& expected, const std::string& what,
    ErrorScale scale = ErrorScale::Own)
{
    ASSERT_EQ(actual.size(), static_cast<int64_t>(expected.size())) << what;
    double largest = 0;
    for (const Sum& sum : expected)
        largest = std::max(largest, sum.magnitude);
    int failures = 0;
    for (int64_t i = 0; i < actual.size() && failures < 3; ++i) {
        const Sum& sum = expected[static_cast<size_t>(i)];
        const double tolerance = (scale == ErrorScale::Own ? 2e-6 * sum.magnitude : 4e-6 * largest) + 1e-30;
        if (!(std::abs(actual[i] - sum.value) <= tolerance)) {
            ADD_FAILURE() << what << ": element " << i << " is " << actual[i] << ", expected " << sum.value;
            ++failures;
        }
    }
}

/// Calls run(begin, end) for all units in pieces, out of order, as threads would.
template <class Run>
void inPieces(int64_t units, const Run& run)
{
    const int64_t step = units / 3 + 1;
    for (int64_t begin = (units - 1) / step * step; units > 0 && begin >= 0; begin -= step)
        run(begin, std::min(begin + step, units));
}

/// A test that runs for each instruction set of the machine.
class EachTarget : public testing::TestWithParam<std::string>
{
protected:
    void SetUp() override { ASSERT_TRUE(gradloom::cpu::forceSimdTarget(GetParam())); }
    void TearDown() override { gradloom::cpu::forceSimdTarget(""); }
};

#define KERNEL_TEST_TARGETS(Fixture)                                                                         \
    INSTANTIATE_TEST_SUITE_P(Simd, Fixture, testing::ValuesIn(gradloom::cpu::simdTargets()),                 \
        [](const testing::TestParamInfo<std::string>& info) { return info.param; })

} // namespace kernel_test
