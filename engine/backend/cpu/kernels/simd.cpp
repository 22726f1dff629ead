#include "simd.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/simd.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>
#include <chrono>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

int64_t currentTarget()
{
    return HWY_TARGET;
}

int currentLanes()
{
    return static_cast<int>(lanes());
}

/// Twelve independent chains: more than latency times throughput of any core so far. They start from
/// different values, or the compiler would compute a single one. Returns something that depends on all.
float fmaLoop(int64_t rounds)
{
    constexpr int chains = 12;
    Floats acc[chains];
    GRADLOOM_UNROLL for (int i = 0; i < chains; ++i) acc[i] = broadcast(0.1F * static_cast<float>(i));
    const Floats factor = broadcast(0.999F);
    const Floats term = broadcast(1e-3F);
    for (int64_t k = 0; k < rounds; ++k)
        GRADLOOM_UNROLL for (int i = 0; i < chains; ++i) acc[i] = hn::MulAdd(acc[i], factor, term);
    GRADLOOM_UNROLL for (int i = 1; i < chains; ++i) acc[0] = hn::Add(acc[0], acc[i]);
    return sumLanes(acc[0]);
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#if HWY_ARCH_X86
#include <xmmintrin.h>
#endif

namespace gradloom::cpu {

HWY_EXPORT(currentTarget);
HWY_EXPORT(currentLanes);
HWY_EXPORT(fmaLoop);

std::string simdTarget()
{
    return hwy::TargetName(HWY_DYNAMIC_DISPATCH(currentTarget)());
}

namespace {

/// What the machine supports, whatever is forced now.
std::vector<int64_t> allTargets()
{
    static const std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
    return targets;
}

} // namespace

std::vector<std::string> simdTargets()
{
    std::vector<std::string> names;
    for (const int64_t target : allTargets())
        names.emplace_back(hwy::TargetName(target));
    return names;
}

bool forceSimdTarget(std::string_view name)
{
    int64_t chosen = 0;
    for (const int64_t target : allTargets())
        if (name.empty() || name == hwy::TargetName(target))
            chosen |= target;
    if (chosen == 0)
        return false;
    hwy::SetSupportedTargetsForTest(name.empty() ? 0 : chosen);
    hwy::GetChosenTarget().Update(chosen);
    return true;
}

int simdLanes()
{
    return HWY_DYNAMIC_DISPATCH(currentLanes)();
}

void flushDenormals()
{
#if HWY_ARCH_X86
    constexpr unsigned flushToZero = 0x8000;
    constexpr unsigned denormalsAreZero = 0x0040;
    _mm_setcsr(_mm_getcsr() | flushToZero | denormalsAreZero);
#elif HWY_ARCH_ARM_A64
    uint64_t control = 0;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    asm volatile("msr fpcr, %0" : : "r"(control | (uint64_t{1} << 24)));
#endif
}

double measureFmaPeak()
{
    constexpr int64_t rounds = 200'000;
    double best = 0;
    volatile float sink = 0;
    for (int i = 0; i < 20; ++i) {
        const auto start = std::chrono::steady_clock::now();
        sink = sink + HWY_DYNAMIC_DISPATCH(fmaLoop)(rounds);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        best = std::max(best, 2.0 * 12 * simdLanes() * static_cast<double>(rounds) / seconds.count() * 1e-9);
    }
    return best;
}

} // namespace gradloom::cpu
#endif
