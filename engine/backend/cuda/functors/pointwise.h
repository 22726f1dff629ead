#pragma once

#include "engine/backend/cuda/functors/portable.h"

namespace gradloom::cuda {

/// The functions of engine/ir/pointwise.h, in its order.
enum class PointwiseFn : uint8_t {
    Copy,
    Neg,
    Abs,
    Sign,
    Square,
    Sqrt,
    Rsqrt,
    Reciprocal,
    Exp,
    Log,
    Tanh,
    Sigmoid,
    Softplus,
    Erf,
    Relu,
    LeakyRelu,
    Elu,
    Step,
    Scale,
    Offset,
    Power,
    MaximumScalar,
    MinimumScalar,
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
    Greater,
    Equal,
    ReluGradient,
    LeakyReluGradient,
    EluGradient,
    TanhGradient,
    SigmoidGradient
};

GRADLOOM_DEVICE float unaryOf(PointwiseFn fn, float a, float alpha)
{
    switch (fn) {
    case PointwiseFn::Neg:
        return -a;
    case PointwiseFn::Abs:
        return fabsf(a);
    case PointwiseFn::Sign:
        return a > 0.0F ? 1.0F : a < 0.0F ? -1.0F : a;
    case PointwiseFn::Square:
        return a * a;
    case PointwiseFn::Sqrt:
        return sqrtf(a);
    case PointwiseFn::Rsqrt:
        return 1.0F / sqrtf(a);
    case PointwiseFn::Reciprocal:
        return 1.0F / a;
    case PointwiseFn::Exp:
        return expf(a);
    case PointwiseFn::Log:
        return logf(a);
    case PointwiseFn::Tanh:
        return tanhf(a);
    case PointwiseFn::Sigmoid:
        return sigmoidOf(a);
    case PointwiseFn::Softplus:
        return rectified(a) + log1pf(expf(-fabsf(a)));
    case PointwiseFn::Erf:
        return erff(a);
    case PointwiseFn::Relu:
        return rectified(a);
    case PointwiseFn::LeakyRelu:
        return a > 0.0F ? a : alpha * a;
    case PointwiseFn::Elu:
        return a > 0.0F ? a : alpha * expm1f(a);
    case PointwiseFn::Step:
        return a > 0.0F ? 1.0F : 0.0F;
    case PointwiseFn::Scale:
        return alpha * a;
    case PointwiseFn::Offset:
        return a + alpha;
    case PointwiseFn::Power:
        return powf(a, alpha);
    case PointwiseFn::MaximumScalar:
        return larger(a, alpha);
    case PointwiseFn::MinimumScalar:
        return smaller(a, alpha);
    default:
        return a;
    }
}

GRADLOOM_DEVICE float binaryOf(PointwiseFn fn, float a, float b, float alpha)
{
    switch (fn) {
    case PointwiseFn::Add:
        return a + b;
    case PointwiseFn::Sub:
        return a - b;
    case PointwiseFn::Mul:
        return a * b;
    case PointwiseFn::Div:
        return a / b;
    case PointwiseFn::Max:
        return larger(a, b);
    case PointwiseFn::Min:
        return smaller(a, b);
    case PointwiseFn::Greater:
        return a > b ? 1.0F : 0.0F;
    case PointwiseFn::Equal:
        return a == b ? 1.0F : 0.0F;
    case PointwiseFn::ReluGradient:
        return b > 0.0F ? a : 0.0F;
    case PointwiseFn::LeakyReluGradient:
        return b > 0.0F ? a : alpha * a;
    case PointwiseFn::EluGradient:
        return b > 0.0F ? a : a * (b + alpha);
    case PointwiseFn::TanhGradient:
        return a * (1.0F - b * b);
    case PointwiseFn::SigmoidGradient:
        return a * b * (1.0F - b);
    default:
        return a;
    }
}

/// One step of a chain: the result of `fn` on earlier operands.
struct PointwiseStep
{
    PointwiseFn fn = PointwiseFn::Copy;
    uint8_t a = 0;
    uint8_t b = 0;
    bool binary = false;
    float alpha = 0;
    uint8_t result = 0;
};

/// A fused chain of pointwise operations over `size` elements, interpreted for each element. Numbers lie in
/// slots: at first the inputs in the first ones, then each step writes its result to one, which may be that of
/// a number that is not needed any more. Input i repeats after period[i] elements.
struct PointwiseChain
{
    static constexpr int maxOperands = 32;

    int64_t size = 0;
    int inputs = 0;
    int steps = 0;
    int outputs = 0;
    int slots = 0; ///< that are used
    int64_t period[maxOperands] = {};
    const float* in[maxOperands] = {};
    float* out[maxOperands] = {};
    uint8_t outSlot[maxOperands] = {};
    PointwiseStep step[maxOperands] = {};
};

/// Runs the steps of a chain whose inputs were read.
template <int Width>
GRADLOOM_DEVICE void runSteps(const PointwiseChain& chain, Lanes<Width>* slots)
{
    for (int s = 0; s < chain.steps; ++s) {
        const PointwiseStep step = chain.step[s];
        const Lanes<Width> a = slots[step.a];
        Lanes<Width> result;
        if (step.binary) {
            const Lanes<Width> b = slots[step.b];
            for (int k = 0; k < Width; ++k)
                result.v[k] = binaryOf(step.fn, a.v[k], b.v[k], step.alpha);
        } else {
            for (int k = 0; k < Width; ++k)
                result.v[k] = unaryOf(step.fn, a.v[k], step.alpha);
        }
        slots[step.result] = result;
    }
}

/// The chain on groups of `Width` elements, with so many slots, which a thread has in memory of its own: the
/// fewer, the more of it stays in the cache. Width 4 needs sizes, and periods other than 1, that are multiples
/// of four, and addresses that are multiples of 16 bytes.
template <int Width, int Slots>
struct PointwiseKernel
{
    PointwiseChain chain;

    GRADLOOM_DEVICE Lanes<Width> load(int i, int64_t first) const
    {
        const float* from = chain.in[i];
        const int64_t period = chain.period[i];
        if (period == 1) {
            Lanes<Width> lanes;
            for (int k = 0; k < Width; ++k)
                lanes.v[k] = *from;
            return lanes;
        }
        const int64_t at = period == chain.size ? first : divide(first, period).rest;
        return loadLanes<Width>(from + at);
    }

    GRADLOOM_DEVICE void operator()(int64_t group) const
    {
        const int64_t first = group * Width;
        Lanes<Width> slots[Slots];
        for (int i = 0; i < chain.inputs; ++i)
            slots[i] = load(i, first);
        runSteps(chain, slots);
        for (int i = 0; i < chain.outputs; ++i)
            storeLanes(slots[chain.outSlot[i]], chain.out[i] + first);
    }
};

/// For most chains, and for all others.
constexpr int fewSlots = 8;
template <int Width>
using PointwiseGroups = PointwiseKernel<Width, fewSlots>;
template <int Width>
using LongPointwiseGroups = PointwiseKernel<Width, PointwiseChain::maxOperands>;

/// The chain on the elements of some rows of tables: the first `tables` inputs, and all outputs. Rows behind
/// the first negative one are none. By elements of the rows.
struct PointwiseRows
{
    PointwiseChain chain;
    const int32_t* rows = nullptr;
    int64_t width = 1;
    int tables = 0;

    GRADLOOM_DEVICE void operator()(int64_t i) const
    {
        const Division d = divide(i, width);
        const int64_t row = rows[d.quotient];
        if (row < 0)
            return;
        const int64_t at = row * width + d.rest;
        Lanes<1> values[PointwiseChain::maxOperands];
        for (int k = 0; k < chain.inputs; ++k)
            values[k].v[0] = chain.in[k][k < tables ? at : chain.period[k] == 1 ? 0 : i];
        runSteps(chain, values);
        for (int k = 0; k < chain.outputs; ++k)
            chain.out[k][at] = values[chain.outSlot[k]].v[0];
    }
};

} // namespace gradloom::cuda
