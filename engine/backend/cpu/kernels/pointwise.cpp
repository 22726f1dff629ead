#include "pointwise.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/pointwise.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>

#include "math-inl.h"
#include "pointwise_tile.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

/// An operand as a pointer that moves on, or stands still where the operand is constant (mask 0).
struct Stream
{
    const float* at;
    int64_t move; ///< floats from vector to vector

    HWY_INLINE explicit Stream(const PointwiseOperand& operand)
        : at(operand.data), move(operand.mask == 0 ? 0 : lanes())
    {
    }
    HWY_INLINE Floats next()
    {
        const Floats v = load(at);
        at += move;
        return v;
    }
};

template <class Function>
HWY_INLINE void each1(const PointwiseStep& step, int64_t count, const Function& function)
{
    Stream a(step.a);
    float* to = step.to;
    for (int64_t i = 0; i < count; i += lanes())
        store(function(a.next()), to + i);
}

template <class Function>
HWY_INLINE void each2(const PointwiseStep& step, int64_t count, const Function& function)
{
    Stream a(step.a);
    Stream b(step.b);
    float* to = step.to;
    for (int64_t i = 0; i < count; i += lanes())
        store(function(a.next(), b.next()), to + i);
}

template <class Function>
HWY_INLINE void each3(const PointwiseStep& step, int64_t count, const Function& function)
{
    Stream a(step.a);
    Stream b(step.b);
    Stream c(step.c);
    float* to = step.to;
    for (int64_t i = 0; i < count; i += lanes())
        store(function(a.next(), b.next(), c.next()), to + i);
}

// Functions of one value. Macros would be shorter than these lists, but not clearer.

void runFunction(const PointwiseStep& step, int64_t n)
{
    switch (step.op) {
    case PointwiseOp::Exp:
        return each1(step, n, [](Floats a) HWY_ATTR { return expOf(a); });
    case PointwiseOp::Expm1:
        return each1(step, n, [](Floats a) HWY_ATTR { return expm1Of(a); });
    case PointwiseOp::Log:
        return each1(step, n, [](Floats a) HWY_ATTR { return logOf(a); });
    case PointwiseOp::Log1p:
        return each1(step, n, [](Floats a) HWY_ATTR { return log1pOf(a); });
    case PointwiseOp::Tanh:
        return each1(step, n, [](Floats a) HWY_ATTR { return tanhOf(a); });
    case PointwiseOp::Sigmoid:
        return each1(step, n, [](Floats a) HWY_ATTR { return sigmoidOf(a); });
    case PointwiseOp::Softplus:
        return each1(step, n, [](Floats a) HWY_ATTR { return softplusOf(a); });
    case PointwiseOp::Erf:
        return each1(step, n, [](Floats a) HWY_ATTR { return erfOf(a); });
    case PointwiseOp::Sin:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Sin(FloatTag(), a); });
    case PointwiseOp::Cos:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Cos(FloatTag(), a); });
    case PointwiseOp::Pow:
        // Rare, and the library knows all its special cases.
        for (int64_t i = 0; i < n; ++i)
            step.to[i] = std::pow(step.a.data[i & step.a.mask], step.b.data[i & step.b.mask]);
        return;
    default:
        return;
    }
}

void runUnary(const PointwiseStep& step, int64_t n)
{
    const Floats one = broadcast(1.0F);
    switch (step.op) {
    case PointwiseOp::Copy:
        return each1(step, n, [](Floats a) HWY_ATTR { return a; });
    case PointwiseOp::Neg:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Neg(a); });
    case PointwiseOp::Abs:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Abs(a); });
    case PointwiseOp::Sign:
        return each1(step, n, [one](Floats a) HWY_ATTR {
            // 0 and NaN stay what they are.
            const auto signedValue = hn::Or(hn::Gt(a, zero()), hn::Lt(a, zero()));
            return hn::IfThenElse(signedValue, hn::CopySign(one, a), a);
        });
    case PointwiseOp::Square:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Mul(a, a); });
    case PointwiseOp::Sqrt:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Sqrt(a); });
    case PointwiseOp::Rsqrt:
        return each1(step, n, [one](Floats a) HWY_ATTR { return hn::Div(one, hn::Sqrt(a)); });
    case PointwiseOp::Reciprocal:
        return each1(step, n, [one](Floats a) HWY_ATTR { return hn::Div(one, a); });
    case PointwiseOp::Floor:
        return each1(step, n, [](Floats a) HWY_ATTR { return hn::Floor(a); });
    case PointwiseOp::Relu:
        return each1(step, n, [](Floats a) HWY_ATTR { return reluOf(a); });
    case PointwiseOp::Step:
        return each1(
            step, n, [one](Floats a) HWY_ATTR { return hn::IfThenElseZero(hn::Gt(a, zero()), one); });
    default:
        return runFunction(step, n);
    }
}

void runStep(const PointwiseStep& step, int64_t n)
{
    const Floats one = broadcast(1.0F);
    switch (step.op) {
    case PointwiseOp::Add:
        return each2(step, n, [](Floats a, Floats b) HWY_ATTR { return hn::Add(a, b); });
    case PointwiseOp::Sub:
        return each2(step, n, [](Floats a, Floats b) HWY_ATTR { return hn::Sub(a, b); });
    case PointwiseOp::Mul:
        return each2(step, n, [](Floats a, Floats b) HWY_ATTR { return hn::Mul(a, b); });
    case PointwiseOp::Div:
        return each2(step, n, [](Floats a, Floats b) HWY_ATTR { return hn::Div(a, b); });
    case PointwiseOp::Min: // NaN wins, as it does in NumPy and PyTorch
        return each2(step, n,
            [](Floats a, Floats b) HWY_ATTR { return hn::IfThenElse(hn::Eq(a, a), hn::Min(a, b), a); });
    case PointwiseOp::Max:
        return each2(step, n,
            [](Floats a, Floats b) HWY_ATTR { return hn::IfThenElse(hn::Eq(a, a), hn::Max(a, b), a); });
    case PointwiseOp::MulAdd:
        return each3(step, n, [](Floats a, Floats b, Floats c) HWY_ATTR { return hn::MulAdd(a, b, c); });
    case PointwiseOp::NegMulAdd:
        return each3(step, n, [](Floats a, Floats b, Floats c) HWY_ATTR { return hn::NegMulAdd(a, b, c); });
    case PointwiseOp::MulMul:
        return each3(
            step, n, [](Floats a, Floats b, Floats c) HWY_ATTR { return hn::Mul(hn::Mul(a, b), c); });
    case PointwiseOp::DivRoot:
        return each3(step, n, [d = broadcast(step.immediate)](Floats a, Floats b, Floats c) HWY_ATTR {
            return hn::Div(a, hn::MulAdd(hn::Sqrt(b), c, d));
        });
    case PointwiseOp::Greater:
        return each2(
            step, n, [one](Floats a, Floats b) HWY_ATTR { return hn::IfThenElseZero(hn::Gt(a, b), one); });
    case PointwiseOp::GreaterEqual:
        return each2(
            step, n, [one](Floats a, Floats b) HWY_ATTR { return hn::IfThenElseZero(hn::Ge(a, b), one); });
    case PointwiseOp::Equal:
        return each2(
            step, n, [one](Floats a, Floats b) HWY_ATTR { return hn::IfThenElseZero(hn::Eq(a, b), one); });
    case PointwiseOp::Select:
        return each3(step, n,
            [](Floats a, Floats b, Floats c) HWY_ATTR { return hn::IfThenElse(hn::Gt(a, zero()), b, c); });
    case PointwiseOp::MaskPositive:
        return each2(
            step, n, [](Floats a, Floats b) HWY_ATTR { return hn::IfThenElseZero(hn::Gt(b, zero()), a); });
    default:
        return runUnary(step, n);
    }
}

/// The steps of Adam in one pass, with the bits of six.
void runAdam(const PointwiseStep* steps, int64_t n)
{
    const PointwiseStep& scaled = steps[0];
    const PointwiseStep& mean = steps[1];
    const PointwiseStep& squared = steps[2];
    const PointwiseStep& square = steps[3];
    const PointwiseStep& ratio = steps[4];
    const PointwiseStep& weights = steps[5];
    const Floats keepMean = load(scaled.b.data);
    const Floats addGradient = load(mean.b.data);
    const Floats addSquare = load(squared.c.data);
    const Floats keepSquare = load(square.b.data);
    const Floats correction = load(ratio.c.data);
    const Floats epsilon = broadcast(ratio.immediate);
    const Floats rate = load(weights.b.data);
    for (int64_t i = 0; i < n; i += lanes()) {
        const Floats gradient = load(mean.a.data + i);
        const Floats m = hn::MulAdd(gradient, addGradient, hn::Mul(load(scaled.a.data + i), keepMean));
        const Floats added = hn::Mul(hn::Mul(gradient, gradient), addSquare);
        const Floats v = hn::MulAdd(load(square.a.data + i), keepSquare, added);
        const Floats change = hn::Div(m, hn::MulAdd(hn::Sqrt(v), correction, epsilon));
        const Floats w = hn::NegMulAdd(change, rate, load(weights.c.data + i));
        store(m, mean.to + i);
        store(v, square.to + i);
        store(w, weights.to + i);
    }
}

void runTile(const PointwiseStep* steps, int64_t stepCount, int64_t elements)
{
    // Tiles have room for whole vectors.
    const int64_t rounded = (elements + lanes() - 1) / lanes() * lanes();
    for (int64_t s = 0; s < stepCount;) {
        if (steps[s].startsAdam) {
            runAdam(steps + s, rounded);
            s += adamSteps;
        } else {
            runStep(steps[s++], rounded);
        }
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(runTile);

void runPointwiseTile(const PointwiseStep* steps, int64_t stepCount, int64_t elements)
{
    HWY_DYNAMIC_DISPATCH(runTile)(steps, stepCount, elements);
}

} // namespace gradloom::cpu
#endif
