#include "recurrent_cells.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/recurrent_cells.cpp"
#include <hwy/foreach_target.h>

#include "math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// tanh(x) = numerator / denominator, absolute error below 4e-7. The division is left to the caller, who
/// shares one among several: it costs as much as the rest. Rational approximation as in Eigen (ptanh_float);
/// NaN stays NaN.
struct Ratio
{
    Floats numerator;
    Floats denominator;
};

HWY_INLINE Ratio tanhRatio(Floats x)
{
    const Floats bound = broadcast(7.90531110763549805F);
    const Floats b = minKeepNan(bound, maxKeepNan(hn::Neg(bound), x));
    const Floats b2 = hn::Mul(b, b);
    const Floats p = polynomial(
        b2, {-2.76076847742355e-16F, 2.00018790482477e-13F, -8.60467152213735e-11F, 5.12229709037114e-08F,
                1.48572235717979e-05F, 6.37261928875436e-04F, 4.89352455891786e-03F});
    const Floats q = polynomial(
        b2, {1.19825839466702e-06F, 1.18534705686654e-04F, 2.26843463243900e-03F, 4.89352518554385e-03F});
    return {hn::Mul(b, p), q};
}

/// sigmoid(x) = numerator / denominator + 1/2: half of the above at x/2, whose powers of two are in the
/// coefficients.
HWY_INLINE Ratio sigmoidRatio(Floats x)
{
    const Floats bound = broadcast(2 * 7.90531110763549805F);
    const Floats b = minKeepNan(bound, maxKeepNan(hn::Neg(bound), x));
    const Floats b2 = hn::Mul(b, b);
    const Floats p = polynomial(
        b2, {-2.76076847742355e-16F / 16384, 2.00018790482477e-13F / 4096, -8.60467152213735e-11F / 1024,
                5.12229709037114e-08F / 256, 1.48572235717979e-05F / 64, 6.37261928875436e-04F / 16,
                4.89352455891786e-03F / 4});
    const Floats q = polynomial(b2, {1.19825839466702e-06F / 64, 1.18534705686654e-04F / 16,
                                        2.26843463243900e-03F / 4, 4.89352518554385e-03F});
    return {hn::Mul(b, p), q};
}

HWY_INLINE Floats sigmoidFrom(Floats quotient)
{
    return hn::Add(quotient, broadcast(0.5F));
}

HWY_INLINE Floats gateTanh(Floats x)
{
    const Ratio r = tanhRatio(x);
    return hn::Div(r.numerator, r.denominator);
}

/// Both quotients with one division. Denominators lie in 0.004 .. 1.
HWY_INLINE void divideTwo(const Ratio& a, const Ratio& b, Floats& x, Floats& y)
{
    const Floats inverse = hn::Div(broadcast(1.0F), hn::Mul(a.denominator, b.denominator));
    x = hn::Mul(a.numerator, hn::Mul(inverse, b.denominator));
    y = hn::Mul(b.numerator, hn::Mul(inverse, a.denominator));
}

/// Four quotients with one division.
HWY_INLINE void divideFour(const Ratio (&r)[4], Floats (&quotient)[4])
{
    const Floats ab = hn::Mul(r[0].denominator, r[1].denominator);
    const Floats cd = hn::Mul(r[2].denominator, r[3].denominator);
    const Floats inverse = hn::Div(broadcast(1.0F), hn::Mul(ab, cd));
    const Floats inverseAb = hn::Mul(inverse, cd);
    const Floats inverseCd = hn::Mul(inverse, ab);
    quotient[0] = hn::Mul(r[0].numerator, hn::Mul(inverseAb, r[1].denominator));
    quotient[1] = hn::Mul(r[1].numerator, hn::Mul(inverseAb, r[0].denominator));
    quotient[2] = hn::Mul(r[2].numerator, hn::Mul(inverseCd, r[3].denominator));
    quotient[3] = hn::Mul(r[3].numerator, hn::Mul(inverseCd, r[2].denominator));
}

/// Stores the new state and the operand of the next product.
template <class Load, class Store>
HWY_INLINE void storeState(const CellRow& row, int64_t i, Floats y, const Load& loadIt, const Store& storeIt)
{
    storeIt(y, row.y + i);
    storeIt(row.dropout != nullptr ? hn::Mul(y, loadIt(row.dropout + i)) : y, row.state + i);
}

/// Gradient of y: what came back from the next step and what the output itself got.
template <class Load>
HWY_INLINE Floats wholeGradient(const CellGradRow& row, int64_t i, const Load& loadIt)
{
    const Floats dh = loadIt(row.dh + i);
    return row.dy != nullptr ? hn::Add(dh, loadIt(row.dy + i)) : dh;
}

/// g·s·(1-s): the gradient before a sigmoid whose value was s.
HWY_INLINE Floats beforeSigmoid(Floats g, Floats s)
{
    return hn::Mul(g, hn::NegMulAdd(s, s, s));
}

/// g·(1-t²): the gradient before a tanh whose value was t.
HWY_INLINE Floats beforeTanh(Floats g, Floats t)
{
    return hn::NegMulAdd(hn::Mul(g, t), t, g);
}

/// Calls body(row, i, load, store) for vectors over the units of all rows.
template <class Row, class Body>
HWY_INLINE void forUnits(const CellWork& work, const Row* rows, int64_t count, const Body& body)
{
    for (int64_t r = 0; r < count; ++r) {
        const Row row = rows[r];
        forVectors(
            work.h, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR { body(row, i, loadIt, storeIt); });
    }
}

void tanhForward(const CellWork& work, const CellRow* rows, int64_t count)
{
    forUnits(work, rows, count, [](const CellRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        storeState(row, i, gateTanh(loadIt(row.sums + i)), loadIt, storeIt);
    });
}

void tanhBackward(const CellWork& work, const CellGradRow* rows, int64_t count)
{
    forUnits(work, rows, count, [](const CellGradRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        storeIt(beforeTanh(wholeGradient(row, i, loadIt), loadIt(row.y + i)), row.dSums + i);
        storeIt(zero(), row.dh + i);
    });
}

void reluForward(const CellWork& work, const CellRow* rows, int64_t count)
{
    forUnits(work, rows, count, [](const CellRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        storeState(row, i, reluOf(loadIt(row.sums + i)), loadIt, storeIt);
    });
}

void reluBackward(const CellWork& work, const CellGradRow* rows, int64_t count)
{
    forUnits(work, rows, count, [](const CellGradRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const auto positive = hn::Gt(loadIt(row.y + i), zero());
        storeIt(hn::IfThenElseZero(positive, wholeGradient(row, i, loadIt)), row.dSums + i);
        storeIt(zero(), row.dh + i);
    });
}

void lstmForward(const CellWork& work, const CellRow* rows, int64_t count)
{
    const int64_t h = work.h;
    forUnits(work, rows, count, [h](const CellRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const float* sums = row.sums + i;
        const Ratio ratios[4] = {sigmoidRatio(loadIt(sums)), sigmoidRatio(loadIt(sums + h)),
            tanhRatio(loadIt(sums + 2 * h)), sigmoidRatio(loadIt(sums + 3 * h))};
        Floats q[4];
        divideFour(ratios, q);
        const Floats in = sigmoidFrom(q[0]);
        const Floats forget = sigmoidFrom(q[1]);
        const Floats out = sigmoidFrom(q[3]);
        const Floats c = hn::MulAdd(forget, loadIt(row.cBefore + i), hn::Mul(in, q[2]));
        float* reserve = row.reserve + i;
        storeIt(in, reserve);
        storeIt(forget, reserve + h);
        storeIt(q[2], reserve + 2 * h);
        storeIt(out, reserve + 3 * h);
        storeIt(c, reserve + 4 * h);
        storeState(row, i, hn::Mul(out, gateTanh(c)), loadIt, storeIt);
    });
}

void lstmBackward(const CellWork& work, const CellGradRow* rows, int64_t count)
{
    const int64_t h = work.h;
    forUnits(work, rows, count, [h](const CellGradRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const float* reserve = row.reserve + i;
        const Floats in = loadIt(reserve);
        const Floats forget = loadIt(reserve + h);
        const Floats cell = loadIt(reserve + 2 * h);
        const Floats out = loadIt(reserve + 3 * h);
        const Floats squashed = gateTanh(loadIt(reserve + 4 * h));
        const Floats dh = wholeGradient(row, i, loadIt);
        const Floats dc = hn::Add(loadIt(row.dc + i), beforeTanh(hn::Mul(dh, out), squashed));
        float* sums = row.dSums + i;
        storeIt(beforeSigmoid(hn::Mul(dc, cell), in), sums);
        storeIt(beforeSigmoid(hn::Mul(dc, loadIt(row.cBefore + i)), forget), sums + h);
        storeIt(beforeTanh(hn::Mul(dc, in), cell), sums + 2 * h);
        storeIt(beforeSigmoid(hn::Mul(dh, squashed), out), sums + 3 * h);
        storeIt(hn::Mul(dc, forget), row.dc + i);
        storeIt(zero(), row.dh + i);
    });
}

void gruForward(const CellWork& work, const CellRow* rows, int64_t count)
{
    const int64_t h = work.h;
    const std::array<int64_t, 4> gate = work.gate;
    forUnits(work, rows, count, [h, gate](const CellRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const float* sums = row.sums + i;
        Floats reset;
        Floats update;
        divideTwo(sigmoidRatio(loadIt(sums + gate[0])), sigmoidRatio(loadIt(sums + gate[1])), reset, update);
        reset = sigmoidFrom(reset);
        update = sigmoidFrom(update);
        const Floats recurrent = loadIt(sums + gate[3]);
        const Floats fresh = gateTanh(hn::MulAdd(reset, recurrent, loadIt(sums + gate[2])));
        float* reserve = row.reserve + i;
        storeIt(reset, reserve);
        storeIt(update, reserve + h);
        storeIt(fresh, reserve + 2 * h);
        storeIt(recurrent, reserve + 3 * h);
        const Floats y = hn::MulAdd(update, hn::Sub(loadIt(row.hBefore + i), fresh), fresh);
        storeState(row, i, y, loadIt, storeIt);
    });
}

void gruBackward(const CellWork& work, const CellGradRow* rows, int64_t count)
{
    const int64_t h = work.h;
    const std::array<int64_t, 4> gate = work.gate;
    forUnits(
        work, rows, count, [h, gate](const CellGradRow& row, int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
            const float* reserve = row.reserve + i;
            const Floats reset = loadIt(reserve);
            const Floats update = loadIt(reserve + h);
            const Floats fresh = loadIt(reserve + 2 * h);
            const Floats dh = wholeGradient(row, i, loadIt);
            const Floats dFresh = beforeTanh(hn::NegMulAdd(dh, update, dh), fresh);
            float* sums = row.dSums + i;
            storeIt(beforeSigmoid(hn::Mul(dFresh, loadIt(reserve + 3 * h)), reset), sums + gate[0]);
            const Floats dUpdate = hn::Mul(dh, hn::Sub(loadIt(row.hBefore + i), fresh));
            storeIt(beforeSigmoid(dUpdate, update), sums + gate[1]);
            storeIt(dFresh, sums + gate[2]);
            storeIt(hn::Mul(dFresh, reset), sums + gate[3]);
            storeIt(hn::Mul(dh, update), row.dh + i);
        });
}

CellKernels kernelsOf(RecurrentCell cell)
{
    switch (cell) {
    case RecurrentCell::Tanh:
        return {tanhForward, tanhBackward};
    case RecurrentCell::Relu:
        return {reluForward, reluBackward};
    case RecurrentCell::Lstm:
        return {lstmForward, lstmBackward};
    case RecurrentCell::Gru:
        return {gruForward, gruBackward};
    }
    return {};
}

void addProductRow(const float* x, const float* factor, float* y, int64_t n)
{
    forVectors(n, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats v = factor != nullptr ? hn::Mul(loadIt(x + i), loadIt(factor + i)) : loadIt(x + i);
        storeIt(hn::Add(loadIt(y + i), v), y + i);
    });
}

void copyProductRow(const float* x, const float* factor, float* y, int64_t n)
{
    forVectors(n, [&](int64_t i, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats v = factor != nullptr ? hn::Mul(loadIt(x + i), loadIt(factor + i)) : loadIt(x + i);
        storeIt(v, y + i);
    });
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(kernelsOf);
HWY_EXPORT(addProductRow);
HWY_EXPORT(copyProductRow);

CellKernels cellKernels(RecurrentCell cell)
{
    return HWY_DYNAMIC_DISPATCH(kernelsOf)(cell);
}

void addProduct(const float* x, const float* factor, float* y, int64_t n)
{
    HWY_DYNAMIC_DISPATCH(addProductRow)(x, factor, y, n);
}

void copyProduct(const float* x, const float* factor, float* y, int64_t n)
{
    HWY_DYNAMIC_DISPATCH(copyProductRow)(x, factor, y, n);
}

} // namespace gradloom::cpu
#endif
