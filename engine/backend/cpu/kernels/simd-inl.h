// Small helpers on Highway vectors, compiled once per instruction set (therefore no #pragma once).

#if defined(GRADLOOM_SIMD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_SIMD_INL_H
#undef GRADLOOM_SIMD_INL_H
#else
#define GRADLOOM_SIMD_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

// Loops over accumulators must be unrolled completely, or they live in memory instead of registers.
#undef GRADLOOM_UNROLL
#if defined(__clang__)
#define GRADLOOM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GRADLOOM_UNROLL _Pragma("GCC unroll 16")
#endif

#undef GRADLOOM_MASKED_MEMORY
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
#define GRADLOOM_MASKED_MEMORY 1
#else
#define GRADLOOM_MASKED_MEMORY 0
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;
using IntTag = hn::RebindToSigned<FloatTag>;
using Ints = hn::Vec<IntTag>;

HWY_INLINE constexpr int64_t lanes()
{
    return static_cast<int64_t>(hn::MaxLanes(FloatTag()));
}

HWY_INLINE Floats load(const float* p)
{
    return hn::LoadU(FloatTag(), p);
}

HWY_INLINE void store(Floats v, float* p)
{
    hn::StoreU(v, FloatTag(), p);
}

HWY_INLINE Floats broadcast(float v)
{
    return hn::Set(FloatTag(), v);
}

HWY_INLINE Floats zero()
{
    return hn::Zero(FloatTag());
}

/// max(bound, v) and min(bound, v) that keep a NaN in v: the x86 instructions return their second operand
/// then, the Arm ones a NaN.
HWY_INLINE Floats maxKeepNan(Floats bound, Floats v)
{
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
    return hn::IfThenElse(hn::Gt(bound, v), bound, v);
#else
    return hn::Max(bound, v);
#endif
}

HWY_INLINE Floats minKeepNan(Floats bound, Floats v)
{
#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128
    return hn::IfThenElse(hn::Lt(bound, v), bound, v);
#else
    return hn::Min(bound, v);
#endif
}

/// Loads the first `count` < lanes() values, zero elsewhere, and touches no memory beyond them.
HWY_INLINE Floats loadPart(const float* p, int64_t count)
{
    const FloatTag d;
#if GRADLOOM_MASKED_MEMORY
    return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(count)), d, p);
#else
    HWY_ALIGN float buffer[static_cast<size_t>(lanes())] = {};
    for (int64_t i = 0; i < count; ++i)
        buffer[i] = p[i];
    return hn::Load(d, buffer);
#endif
}

/// Stores the first `count` < lanes() values and touches no memory beyond them.
HWY_INLINE void storePart(Floats v, float* p, int64_t count)
{
    const FloatTag d;
#if GRADLOOM_MASKED_MEMORY
    hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(count)), d, p);
#else
    HWY_ALIGN float buffer[static_cast<size_t>(lanes())];
    hn::Store(v, d, buffer);
    for (int64_t i = 0; i < count; ++i)
        p[i] = buffer[i];
#endif
}

/// Calls body(i, load, store) for vectors over [0, n): whole ones and, if need be, a last partial one. The
/// two arguments are functions of a pointer that load and store as many values as the vector has.
template <class Body>
HWY_INLINE void forVectors(int64_t n, const Body& body)
{
    int64_t i = 0;
    for (; i + lanes() <= n; i += lanes())
        body(
            i, [](const float* p) HWY_ATTR { return load(p); },
            [](Floats v, float* p) HWY_ATTR { store(v, p); });
    if (i < n) {
        const int64_t rest = n - i;
        body(
            i, [rest](const float* p) HWY_ATTR { return loadPart(p, rest); },
            [rest](Floats v, float* p) HWY_ATTR { storePart(v, p, rest); });
    }
}

HWY_INLINE float sumLanes(Floats v)
{
    return hn::GetLane(hn::SumOfLanes(FloatTag(), v));
}

HWY_INLINE float maxLanes(Floats v)
{
    return hn::GetLane(hn::MaxOfLanes(FloatTag(), v));
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#endif
