// Elementary functions on vectors of floats, compiled once per instruction set (therefore no #pragma once).
// Errors are given against exact values; NaN stays NaN.

#if defined(GRADLOOM_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADLOOM_MATH_INL_H
#undef GRADLOOM_MATH_INL_H
#else
#define GRADLOOM_MATH_INL_H
#endif

#include "simd-inl.h"

#include <limits>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// coefficients[0] * x^n + ... + coefficients[n], by Horner's rule.
template <size_t N>
HWY_INLINE Floats polynomial(Floats x, const float (&coefficients)[N])
{
    Floats sum = broadcast(coefficients[0]);
    GRADLOOM_UNROLL for (size_t i = 1; i < N; ++i) sum = hn::MulAdd(sum, x, broadcast(coefficients[i]));
    return sum;
}

/// max(v, 0).
HWY_INLINE Floats reluOf(Floats v)
{
    return maxKeepNan(zero(), v);
}

/// 2^n for -126 <= n <= 127.
HWY_INLINE Floats powerOfTwo(Ints n)
{
    return hn::BitCast(FloatTag(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(IntTag(), 127))));
}

/// exp(x), error below 1.2 units in the last place; 0 and infinity at the ends. Cody and Waite's reduction,
/// polynomial of Cephes (expf).
HWY_INLINE Floats expOf(Floats x)
{
    // Outside these bounds the result is 0 or infinite anyway.
    const Floats bounded = minKeepNan(broadcast(89.0F), maxKeepNan(broadcast(-104.0F), x));
    const Floats n = hn::Round(hn::Mul(bounded, broadcast(1.44269504088896341F)));
    Floats r = hn::MulAdd(n, broadcast(-0.693359375F), bounded);
    r = hn::MulAdd(n, broadcast(2.12194440e-4F), r);
    const Floats p = polynomial(r, {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F,
                                       1.6666665459e-1F, 5.0000001201e-1F});
    const Floats value = hn::MulAdd(hn::Mul(r, r), p, hn::Add(r, broadcast(1.0F)));
    // In two steps, because 2^n alone leaves the range of exponents at both ends.
    const Ints whole = hn::ConvertTo(IntTag(), n);
    const Ints half = hn::ShiftRight<1>(whole);
    return hn::Mul(hn::Mul(value, powerOfTwo(half)), powerOfTwo(hn::Sub(whole, half)));
}

/// exp(x) for x <= 1, as accurate as expOf, but 0 for what is below the normal numbers, with half as many
/// instructions: the whole part of x / log(2) is rounded, and found as an exponent, in the last bits of a sum.
HWY_INLINE Floats expNonPositive(Floats x)
{
    const Floats bounded = maxKeepNan(broadcast(-88.0F), x); // exponent 0: the power of two is 0
    const Floats shift = broadcast(0x1.8p23F + 127.0F);
    const Floats moved = hn::MulAdd(bounded, broadcast(1.44269504088896341F), shift);
    const Floats n = hn::Sub(moved, shift);
    Floats r = hn::MulAdd(n, broadcast(-0.693359375F), bounded);
    r = hn::MulAdd(n, broadcast(2.12194440e-4F), r);
    const Floats p = polynomial(r, {1.9875691500e-4F, 1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F,
                                       1.6666665459e-1F, 5.0000001201e-1F});
    const Floats value = hn::MulAdd(hn::Mul(r, r), p, hn::Add(r, broadcast(1.0F)));
    const Floats power = hn::BitCast(FloatTag(), hn::ShiftLeft<23>(hn::BitCast(IntTag(), moved)));
    return hn::Mul(value, power);
}

/// exp(x) - 1, error below 4 units in the last place, also near 0.
HWY_INLINE Floats expm1Of(Floats x)
{
    const Floats small =
        hn::Mul(x, polynomial(x, {2.48015873e-5F, 1.98412698e-4F, 1.38888889e-3F, 8.33333333e-3F,
                                     4.16666667e-2F, 1.66666667e-1F, 0.5F, 1.0F}));
    const Floats large = hn::Sub(expOf(x), broadcast(1.0F));
    return hn::IfThenElse(hn::Lt(hn::Abs(x), broadcast(0.5F)), small, large);
}

/// Natural logarithm, error below 1.5 units in the last place; -infinity for 0, NaN below. Polynomial of
/// Cephes (logf).
HWY_INLINE Floats logOf(Floats x)
{
    const IntTag di;
    // Denormal numbers are scaled into the normal range first.
    const auto tiny = hn::Lt(x, broadcast(std::numeric_limits<float>::min()));
    const Floats scaled = hn::IfThenElse(tiny, hn::Mul(x, broadcast(0x1p25F)), x);
    const Ints bits = hn::BitCast(di, scaled);
    // mantissa in [sqrt(1/2), sqrt(2)): the subtraction moves the exponent's step to sqrt(1/2).
    const Ints moved = hn::Sub(bits, hn::Set(di, 0x3F3504F3));
    const Ints exponent = hn::ShiftRight<23>(moved);
    const Floats mantissa =
        hn::BitCast(FloatTag(), hn::Add(hn::And(moved, hn::Set(di, 0x007FFFFF)), hn::Set(di, 0x3F3504F3)));
    const Floats e = hn::Sub(hn::ConvertTo(FloatTag(), exponent), hn::IfThenElseZero(tiny, broadcast(25.0F)));
    const Floats f = hn::Sub(mantissa, broadcast(1.0F));
    const Floats f2 = hn::Mul(f, f);
    Floats y =
        hn::Mul(hn::Mul(f, f2), polynomial(f, {7.0376836292e-2F, -1.1514610310e-1F, 1.1676998740e-1F,
                                                  -1.2420140846e-1F, 1.4249322787e-1F, -1.6668057665e-1F,
                                                  2.0000714765e-1F, -2.4999993993e-1F, 3.3333331174e-1F}));
    y = hn::MulAdd(e, broadcast(-2.12194440e-4F), y);
    y = hn::MulAdd(f2, broadcast(-0.5F), y);
    Floats result = hn::MulAdd(e, broadcast(0.693359375F), hn::Add(f, y));
    constexpr float infinity = std::numeric_limits<float>::infinity();
    result = hn::IfThenElse(hn::Eq(x, broadcast(infinity)), x, result);
    result = hn::IfThenElse(hn::Eq(x, zero()), broadcast(-infinity), result);
    const Floats nan = broadcast(std::numeric_limits<float>::quiet_NaN());
    return hn::IfThenElse(hn::Ge(x, zero()), result, nan);
}

/// log(1 + x), error below 3 units in the last place, also near 0: the rounding error of 1 + x is put back.
HWY_INLINE Floats log1pOf(Floats x)
{
    const Floats one = broadcast(1.0F);
    const Floats u = hn::Add(one, x);
    const Floats lost = hn::Sub(x, hn::Sub(u, one));
    const Floats corrected = hn::Add(logOf(u), hn::Div(lost, u));
    // Where 1 + x is 0 or infinite, the correction is NaN.
    const auto plain =
        hn::Or(hn::Eq(u, zero()), hn::Eq(u, broadcast(std::numeric_limits<float>::infinity())));
    return hn::IfThenElse(plain, logOf(u), corrected);
}

HWY_INLINE Floats sigmoidOf(Floats x)
{
    const Floats one = broadcast(1.0F);
    return hn::Div(one, hn::Add(one, expOf(hn::Neg(x))));
}

/// tanh, error below 2 units in the last place. Polynomial of Cephes (tanhf) near 0.
HWY_INLINE Floats tanhOf(Floats x)
{
    const Floats one = broadcast(1.0F);
    const Floats magnitude = hn::Abs(x);
    const Floats x2 = hn::Mul(x, x);
    const Floats p = polynomial(x2,
        {-5.70498872745e-3F, 2.06390887954e-2F, -5.37397155531e-2F, 1.33314422036e-1F, -3.33332819422e-1F});
    const Floats small = hn::MulAdd(hn::Mul(p, x2), x, x);
    const Floats e = expOf(hn::Add(magnitude, magnitude));
    const Floats large = hn::CopySign(hn::Sub(one, hn::Div(broadcast(2.0F), hn::Add(e, one))), x);
    // Written so that NaN takes the polynomial.
    return hn::IfThenElse(hn::Ge(magnitude, broadcast(0.625F)), large, small);
}

/// log(1 + exp(x)), error below 3 units in the last place: log(1 + e) is the series of 2 artanh(e / (2 + e)), as
/// e = exp(-|x|) is at most 1.
HWY_INLINE Floats softplusOf(Floats x)
{
    const Floats e = expNonPositive(hn::Neg(hn::Abs(x)));
    const Floats s = hn::Div(e, hn::Add(e, broadcast(2.0F)));
    const Floats s2 = hn::Mul(s, s);
    const Floats p = polynomial(s2, {2.0F / 13, 2.0F / 11, 2.0F / 9, 2.0F / 7, 2.0F / 5, 2.0F / 3});
    return hn::Add(reluOf(x), hn::MulAdd(hn::Mul(s, s2), p, hn::Add(s, s)));
}

/// Error function, error below 2 units in the last place. Polynomials of N. Juffa (2018).
HWY_INLINE Floats erfOf(Floats x)
{
    const Floats t = hn::Abs(x);
    const Floats s = hn::Mul(x, x);
    Floats r = hn::MulAdd(broadcast(-1.72853470e-5F), t, broadcast(3.83197126e-4F));
    const Floats u = hn::MulAdd(broadcast(-3.88396438e-3F), t, broadcast(2.42546219e-2F));
    r = hn::MulAdd(r, s, u);
    r = hn::MulAdd(r, t, broadcast(-1.06777877e-1F));
    r = hn::MulAdd(r, t, broadcast(-6.34846687e-1F));
    r = hn::MulAdd(r, t, broadcast(-1.28717512e-1F));
    r = hn::Sub(hn::Mul(r, t), t);
    Floats large = hn::Sub(broadcast(1.0F), expOf(r));
    // Beyond 4 the polynomial leaves its range; the result is 1 to the last digit.
    large = hn::IfThenElse(hn::Gt(t, broadcast(4.0F)), broadcast(1.0F), large);
    const Floats p = polynomial(s,
        {-5.96761703e-4F, 4.99119423e-3F, -2.67681349e-2F, 1.12819925e-1F, -3.76125336e-1F, 1.28379166e-1F});
    return hn::IfThenElse(hn::Gt(t, broadcast(0.927734375F)), hn::CopySign(large, x), hn::MulAdd(p, x, x));
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#endif
