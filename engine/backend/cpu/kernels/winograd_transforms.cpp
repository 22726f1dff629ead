#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/winograd_transforms.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"
#include "winograd_transforms.h"

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

HWY_INLINE Floats times(float factor, Floats v)
{
    return hn::Mul(broadcast(factor), v);
}

/// sum + factor * v
HWY_INLINE Floats plus(Floats sum, float factor, Floats v)
{
    return hn::MulAdd(broadcast(factor), v, sum);
}

/// F(4, 3) with the points 0, +-p, +-q and infinity; see winograd.h. All constants but those of G are exact.
struct Three
{
    static constexpr int taps = 3;
    static constexpr int side = 6;
    static constexpr float p = 0.625F;
    static constexpr float q = 1.5F;
    static constexpr float pp = p * p;
    static constexpr float qq = q * q;
    static constexpr float gainZero = 1.0F / (pp * qq);
    static constexpr float gainP = 1.0F / (2.0F * pp * (pp - qq));
    static constexpr float gainQ = 1.0F / (2.0F * qq * (qq - pp));

    /// B^T
    struct Input
    {
        static constexpr int from = side, to = side;
        HWY_INLINE void operator()(const Floats (&d)[from], Floats (&v)[to]) const
        {
            const Floats evenP = plus(d[4], -qq, d[2]);
            const Floats oddP = plus(d[3], -qq, d[1]);
            const Floats evenQ = plus(d[4], -pp, d[2]);
            const Floats oddQ = plus(d[3], -pp, d[1]);
            v[0] = plus(plus(d[4], -(pp + qq), d[2]), pp * qq, d[0]);
            v[1] = plus(evenP, p, oddP);
            v[2] = plus(evenP, -p, oddP);
            v[3] = plus(evenQ, q, oddQ);
            v[4] = plus(evenQ, -q, oddQ);
            v[5] = plus(plus(d[5], -(pp + qq), d[3]), pp * qq, d[1]);
        }
    };

    /// B
    struct InputAdjoint
    {
        static constexpr int from = side, to = side;
        HWY_INLINE void operator()(const Floats (&v)[from], Floats (&d)[to]) const
        {
            const Floats sumP = hn::Add(v[1], v[2]);
            const Floats differenceP = hn::Sub(v[1], v[2]);
            const Floats sumQ = hn::Add(v[3], v[4]);
            const Floats differenceQ = hn::Sub(v[3], v[4]);
            d[0] = times(pp * qq, v[0]);
            d[1] = plus(plus(times(pp * qq, v[5]), -p * qq, differenceP), -q * pp, differenceQ);
            d[2] = plus(plus(times(-(pp + qq), v[0]), -qq, sumP), -pp, sumQ);
            d[3] = plus(plus(times(-(pp + qq), v[5]), p, differenceP), q, differenceQ);
            d[4] = hn::Add(v[0], hn::Add(sumP, sumQ));
            d[5] = v[5];
        }
    };

    /// A^T
    struct Output
    {
        static constexpr int from = side, to = winogradOut;
        HWY_INLINE void operator()(const Floats (&m)[from], Floats (&y)[to]) const
        {
            const Floats sumP = hn::Add(m[1], m[2]);
            const Floats differenceP = hn::Sub(m[1], m[2]);
            const Floats sumQ = hn::Add(m[3], m[4]);
            const Floats differenceQ = hn::Sub(m[3], m[4]);
            y[0] = hn::Add(m[0], hn::Add(sumP, sumQ));
            y[1] = plus(times(q, differenceQ), p, differenceP);
            y[2] = plus(times(qq, sumQ), pp, sumP);
            y[3] = plus(plus(m[5], pp * p, differenceP), qq * q, differenceQ);
        }
    };

    /// A
    struct OutputAdjoint
    {
        static constexpr int from = winogradOut, to = side;
        HWY_INLINE void operator()(const Floats (&y)[from], Floats (&m)[to]) const
        {
            const Floats evenP = plus(y[0], pp, y[2]);
            const Floats oddP = plus(y[1], pp, y[3]);
            const Floats evenQ = plus(y[0], qq, y[2]);
            const Floats oddQ = plus(y[1], qq, y[3]);
            m[0] = y[0];
            m[1] = plus(evenP, p, oddP);
            m[2] = plus(evenP, -p, oddP);
            m[3] = plus(evenQ, q, oddQ);
            m[4] = plus(evenQ, -q, oddQ);
            m[5] = y[3];
        }
    };

    /// G
    struct Weights
    {
        static constexpr int from = taps, to = side;
        HWY_INLINE void operator()(const Floats (&w)[from], Floats (&u)[to]) const
        {
            const Floats evenP = times(gainP, plus(w[0], pp, w[2]));
            const Floats oddP = times(gainP * p, w[1]);
            const Floats evenQ = times(gainQ, plus(w[0], qq, w[2]));
            const Floats oddQ = times(gainQ * q, w[1]);
            u[0] = times(gainZero, w[0]);
            u[1] = hn::Add(evenP, oddP);
            u[2] = hn::Sub(evenP, oddP);
            u[3] = hn::Add(evenQ, oddQ);
            u[4] = hn::Sub(evenQ, oddQ);
            u[5] = w[2];
        }
    };

    /// G^T
    struct WeightsAdjoint
    {
        static constexpr int from = side, to = taps;
        HWY_INLINE void operator()(const Floats (&u)[from], Floats (&w)[to]) const
        {
            const Floats sumP = times(gainP, hn::Add(u[1], u[2]));
            const Floats sumQ = times(gainQ, hn::Add(u[3], u[4]));
            const Floats differenceP = times(gainP * p, hn::Sub(u[1], u[2]));
            w[0] = plus(hn::Add(sumP, sumQ), gainZero, u[0]);
            w[1] = plus(differenceP, gainQ * q, hn::Sub(u[3], u[4]));
            w[2] = plus(plus(u[5], pp, sumP), qq, sumQ);
        }
    };
};

/// F(4, 2) with the points 0, +-p, q and infinity, likewise.
struct Two
{
    static constexpr int taps = 2;
    static constexpr int side = 5;
    static constexpr float p = 0.75F;
    static constexpr float q = 2.0F;
    static constexpr float pp = p * p;
    static constexpr float qq = q * q;
    static constexpr float gainZero = 1.0F / (pp * q);
    static constexpr float gainPlus = 1.0F / (2.0F * pp * (p - q));
    static constexpr float gainMinus = -1.0F / (2.0F * pp * (p + q));
    static constexpr float gainQ = 1.0F / (q * (qq - pp));

    /// B^T
    struct Input
    {
        static constexpr int from = side, to = side;
        HWY_INLINE void operator()(const Floats (&d)[from], Floats (&v)[to]) const
        {
            const Floats high = plus(d[3], -q, d[2]);
            const Floats low = plus(d[2], -q, d[1]);
            v[0] = plus(high, -pp, plus(d[1], -q, d[0]));
            v[1] = plus(high, p, low);
            v[2] = plus(high, -p, low);
            v[3] = plus(d[3], -pp, d[1]);
            v[4] = plus(plus(d[4], -q, d[3]), -pp, low);
        }
    };

    /// B
    struct InputAdjoint
    {
        static constexpr int from = side, to = side;
        HWY_INLINE void operator()(const Floats (&v)[from], Floats (&d)[to]) const
        {
            const Floats sum = hn::Add(v[1], v[2]);
            const Floats difference = hn::Sub(v[1], v[2]);
            d[0] = times(pp * q, v[0]);
            d[1] = plus(plus(plus(times(pp * q, v[4]), -pp, v[3]), -p * q, difference), -pp, v[0]);
            d[2] = plus(plus(plus(times(-q, v[0]), -q, sum), p, difference), -pp, v[4]);
            d[3] = plus(hn::Add(hn::Add(v[0], sum), v[3]), -q, v[4]);
            d[4] = v[4];
        }
    };

    /// A^T
    struct Output
    {
        static constexpr int from = side, to = winogradOut;
        HWY_INLINE void operator()(const Floats (&m)[from], Floats (&y)[to]) const
        {
            const Floats sum = hn::Add(m[1], m[2]);
            const Floats difference = hn::Sub(m[1], m[2]);
            y[0] = hn::Add(hn::Add(m[0], sum), m[3]);
            y[1] = plus(times(q, m[3]), p, difference);
            y[2] = plus(times(qq, m[3]), pp, sum);
            y[3] = plus(plus(m[4], qq * q, m[3]), pp * p, difference);
        }
    };

    /// A
    struct OutputAdjoint
    {
        static constexpr int from = winogradOut, to = side;
        HWY_INLINE void operator()(const Floats (&y)[from], Floats (&m)[to]) const
        {
            const Floats even = plus(y[0], pp, y[2]);
            const Floats odd = plus(y[1], pp, y[3]);
            m[0] = y[0];
            m[1] = plus(even, p, odd);
            m[2] = plus(even, -p, odd);
            m[3] = plus(plus(y[0], qq, y[2]), q, plus(y[1], qq, y[3]));
            m[4] = y[3];
        }
    };

    /// G
    struct Weights
    {
        static constexpr int from = taps, to = side;
        HWY_INLINE void operator()(const Floats (&w)[from], Floats (&u)[to]) const
        {
            u[0] = times(gainZero, w[0]);
            u[1] = times(gainPlus, plus(w[0], p, w[1]));
            u[2] = times(gainMinus, plus(w[0], -p, w[1]));
            u[3] = times(gainQ, plus(w[0], q, w[1]));
            u[4] = w[1];
        }
    };

    /// G^T
    struct WeightsAdjoint
    {
        static constexpr int from = side, to = taps;
        HWY_INLINE void operator()(const Floats (&u)[from], Floats (&w)[to]) const
        {
            const Floats atPlus = times(gainPlus, u[1]);
            const Floats atMinus = times(gainMinus, u[2]);
            const Floats atQ = times(gainQ, u[3]);
            w[0] = plus(hn::Add(hn::Add(atPlus, atMinus), atQ), gainZero, u[0]);
            w[1] = plus(plus(u[4], q, atQ), p, hn::Sub(atPlus, atMinus));
        }
    };
};

/// Applies the map to the columns of a square of vectors and then to the rows: M x M^T.
template <class Map, class Load, class Store>
HWY_INLINE void transform(const Load& loadAt, const Store& storeAt)
{
    constexpr int from = Map::from;
    constexpr int to = Map::to;
    const Map map;
    Floats middle[to][from];
    for (int column = 0; column < from; ++column) {
        Floats in[from];
        Floats out[to];
        GRADLOOM_UNROLL
        for (int i = 0; i < from; ++i)
            in[i] = loadAt(i, column);
        map(in, out);
        GRADLOOM_UNROLL
        for (int i = 0; i < to; ++i)
            middle[i][column] = out[i];
    }
    for (int row = 0; row < to; ++row) {
        Floats out[to];
        map(middle[row], out);
        GRADLOOM_UNROLL
        for (int i = 0; i < to; ++i)
            storeAt(row, i, out[i]);
    }
}

template <class Form>
void input(const float* const* pixels, int64_t channels, float* to, int64_t stride)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        transform<typename Form::Input>([&](int i, int j)
                                            HWY_ATTR { return loadIt(pixels[i * Form::side + j] + c); },
            [&](int i, int j, Floats v) HWY_ATTR { storeIt(v, to + (i * Form::side + j) * stride + c); });
    });
}

template <class Form>
void addInput(const float* from, int64_t stride, int64_t channels, float* const* pixels)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        transform<typename Form::InputAdjoint>(
            [&](int i, int j) HWY_ATTR { return loadIt(from + (i * Form::side + j) * stride + c); },
            [&](int i, int j, Floats v) HWY_ATTR {
                float* pixel = pixels[i * Form::side + j] + c;
                storeIt(hn::Add(loadIt(pixel), v), pixel);
            });
    });
}

template <class Form, class Finish>
HWY_INLINE void outputWith(const float* from, int64_t stride, int64_t channels, const float* bias,
    float* const* pixels, const Finish& finish)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats start = bias != nullptr ? loadIt(bias + c) : zero();
        transform<typename Form::Output>(
            [&](int i, int j) HWY_ATTR { return loadIt(from + (i * Form::side + j) * stride + c); },
            [&](int i, int j, Floats v)
                HWY_ATTR { storeIt(finish(hn::Add(v, start)), pixels[i * winogradOut + j] + c); });
    });
}

template <class Form>
void output(
    const float* from, int64_t stride, int64_t channels, const Epilogue& epilogue, float* const* pixels)
{
    switch (epilogue.activation) {
    case Activation::None:
        return outputWith<Form>(
            from, stride, channels, epilogue.bias, pixels, [](Floats v) HWY_ATTR { return v; });
    case Activation::Relu:
        return outputWith<Form>(from, stride, channels, epilogue.bias, pixels,
            [](Floats v) HWY_ATTR { return maxKeepNan(zero(), v); });
    case Activation::LeakyRelu:
        return outputWith<Form>(from, stride, channels, epilogue.bias, pixels,
            [slope = broadcast(epilogue.slope)](Floats v)
                HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero()), v, hn::Mul(v, slope)); });
    }
}

template <class Form>
void gradient(const float* const* pixels, int64_t channels, float* to, int64_t stride, float* sum)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        Floats total = zero();
        transform<typename Form::OutputAdjoint>(
            [&](int i, int j) HWY_ATTR {
                const Floats v = loadIt(pixels[i * winogradOut + j] + c);
                total = hn::Add(total, v);
                return v;
            },
            [&](int i, int j, Floats v) HWY_ATTR { storeIt(v, to + (i * Form::side + j) * stride + c); });
        if (sum != nullptr)
            storeIt(hn::Add(loadIt(sum + c), total), sum + c);
    });
}

template <class Form>
void weights(const float* taps, int64_t tapStride, int64_t channels, float* to, int64_t stride)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        transform<typename Form::Weights>(
            [&](int i, int j) HWY_ATTR { return loadIt(taps + (i * Form::taps + j) * tapStride + c); },
            [&](int i, int j, Floats v) HWY_ATTR { storeIt(v, to + (i * Form::side + j) * stride + c); });
    });
}

template <class Form>
void weightGradient(const WinogradForm::WeightSum& sum, int64_t channels, float* const* taps, bool accumulate)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        transform<typename Form::WeightsAdjoint>(
            [&](int i, int j) HWY_ATTR {
                const float* element = sum.from + (i * Form::side + j) * sum.stride + c;
                Floats total = loadIt(element);
                for (int64_t part = 1; part < sum.parts; ++part)
                    total = hn::Add(total, loadIt(element + part * sum.partStride));
                return total;
            },
            [&](int i, int j, Floats v) HWY_ATTR {
                float* tap = taps[i * Form::taps + j];
                if (tap != nullptr)
                    storeIt(accumulate ? hn::Add(loadIt(tap + c), v) : v, tap + c);
            });
    });
}

template <class Form>
const WinogradForm& form()
{
    static const WinogradForm table{Form::taps, Form::side, input<Form>, addInput<Form>, output<Form>,
        gradient<Form>, weights<Form>, weightGradient<Form>};
    return table;
}

const WinogradForm& formFor(int64_t taps)
{
    return taps == Two::taps ? form<Two>() : form<Three>();
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(formFor);

const WinogradForm& winogradForm(int64_t taps)
{
    return HWY_DYNAMIC_DISPATCH(formFor)(taps);
}

} // namespace gradloom::cpu
#endif
