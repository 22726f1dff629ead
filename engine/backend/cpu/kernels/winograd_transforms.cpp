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

/// The one-dimensional transforms with the points infinity, 0, p, -p, q and -q, in this order; an output tile
/// of m pixels uses the first m + taps - 1 of them (Toom and Cook's construction, see winograd.h). All
/// constants but those of G are exact.
template <class Set>
struct Transforms : Set
{
    using Set::p;
    using Set::q;
    using Set::taps;
    static constexpr int maxPoints = winogradMaxOut + taps - 1;
    static constexpr float pp = p * p;
    static constexpr float qq = q * q;
    static constexpr float finite[winogradMaxPoints] = {0, 0, p, -p, q, -q}; ///< from 1 on

    /// The product of the differences between point i and the points from `begin` to `end`, without itself.
    static constexpr float distances(int i, int begin, int end)
    {
        float product = 1;
        for (int j = begin; j < end; ++j)
            product *= i == j ? 1 : finite[i] - finite[j];
        return product;
    }
    /// G is made for all points; tiles with fewer make up for it in A.
    template <int points>
    static HWY_INLINE Floats madeUp(int i, Floats v)
    {
        return points == maxPoints ? v : times(distances(i, points, maxPoints), v);
    }

    /// B^T
    template <int points>
    struct Input
    {
        static constexpr int from = points, to = points;
        HWY_INLINE void operator()(const Floats (&d)[from], Floats (&v)[to]) const
        {
            if constexpr (points == 3) {
                v[0] = plus(d[2], -p, d[1]);
                v[1] = plus(d[1], -p, d[0]);
                v[2] = d[1];
            } else if constexpr (points == 4) {
                v[0] = plus(d[3], -pp, d[1]);
                v[1] = plus(d[2], -pp, d[0]);
                v[2] = plus(d[2], p, d[1]);
                v[3] = plus(d[2], -p, d[1]);
            } else if constexpr (points == 5) {
                const Floats high = plus(d[3], -q, d[2]);
                const Floats low = plus(d[2], -q, d[1]);
                v[0] = plus(plus(d[4], -q, d[3]), -pp, low);
                v[1] = plus(high, -pp, plus(d[1], -q, d[0]));
                v[2] = plus(high, p, low);
                v[3] = plus(high, -p, low);
                v[4] = plus(d[3], -pp, d[1]);
            } else {
                const Floats evenP = plus(d[4], -qq, d[2]);
                const Floats oddP = plus(d[3], -qq, d[1]);
                const Floats evenQ = plus(d[4], -pp, d[2]);
                const Floats oddQ = plus(d[3], -pp, d[1]);
                v[0] = plus(plus(d[5], -(pp + qq), d[3]), pp * qq, d[1]);
                v[1] = plus(plus(d[4], -(pp + qq), d[2]), pp * qq, d[0]);
                v[2] = plus(evenP, p, oddP);
                v[3] = plus(evenP, -p, oddP);
                v[4] = plus(evenQ, q, oddQ);
                v[5] = plus(evenQ, -q, oddQ);
            }
        }
    };

    /// B
    template <int points>
    struct InputAdjoint
    {
        static constexpr int from = points, to = points;
        HWY_INLINE void operator()(const Floats (&v)[from], Floats (&d)[to]) const
        {
            if constexpr (points == 3) {
                d[0] = times(-p, v[1]);
                d[1] = plus(hn::Add(v[1], v[2]), -p, v[0]);
                d[2] = v[0];
                return;
            } else {
                const Floats sumP = hn::Add(v[2], v[3]);
                const Floats differenceP = hn::Sub(v[2], v[3]);
                if constexpr (points == 4) {
                    d[0] = times(-pp, v[1]);
                    d[1] = plus(times(-pp, v[0]), p, differenceP);
                    d[2] = hn::Add(v[1], sumP);
                    d[3] = v[0];
                } else if constexpr (points == 5) {
                    d[0] = times(pp * q, v[1]);
                    d[1] = plus(plus(plus(times(pp * q, v[0]), -pp, v[4]), -p * q, differenceP), -pp, v[1]);
                    d[2] = plus(plus(plus(times(-q, v[1]), -q, sumP), p, differenceP), -pp, v[0]);
                    d[3] = plus(hn::Add(hn::Add(v[1], sumP), v[4]), -q, v[0]);
                    d[4] = v[0];
                } else {
                    const Floats sumQ = hn::Add(v[4], v[5]);
                    const Floats differenceQ = hn::Sub(v[4], v[5]);
                    d[0] = times(pp * qq, v[1]);
                    d[1] = plus(plus(times(pp * qq, v[0]), -p * qq, differenceP), -q * pp, differenceQ);
                    d[2] = plus(plus(times(-(pp + qq), v[1]), -qq, sumP), -pp, sumQ);
                    d[3] = plus(plus(times(-(pp + qq), v[0]), p, differenceP), q, differenceQ);
                    d[4] = hn::Add(v[1], hn::Add(sumP, sumQ));
                    d[5] = v[0];
                }
            }
        }
    };

    /// A^T
    template <int points>
    struct Output
    {
        static constexpr int from = points, to = points - taps + 1;
        HWY_INLINE void operator()(const Floats (&m)[from], Floats (&y)[to]) const
        {
            const auto at = [&](int i) HWY_ATTR { return madeUp<points>(i, m[i]); };
            if constexpr (points == 3)
                addPair(y, at(2), at(2), p, at(1));
            else
                addPair(y, hn::Add(at(2), at(3)), hn::Sub(at(2), at(3)), p, at(1));
            if constexpr (points == 5)
                addPair(y, at(4), at(4), q);
            else if constexpr (points == 6)
                addPair(y, hn::Add(at(4), at(5)), hn::Sub(at(4), at(5)), q);
            y[to - 1] = hn::Add(y[to - 1], m[0]);
        }

    private:
        /// y[k] = s^k (even or odd), plus `constant` for k = 0.
        static HWY_INLINE void addPair(Floats (&y)[to], Floats even, Floats odd, float s, Floats constant)
        {
            y[0] = hn::Add(constant, even);
            y[1] = times(s, odd);
            if constexpr (to > 2)
                y[2] = times(s * s, even);
            if constexpr (to > 3)
                y[3] = times(s * s * s, odd);
        }
        static HWY_INLINE void addPair(Floats (&y)[to], Floats even, Floats odd, float s)
        {
            y[0] = hn::Add(y[0], even);
            y[1] = plus(y[1], s, odd);
            if constexpr (to > 2)
                y[2] = plus(y[2], s * s, even);
            if constexpr (to > 3)
                y[3] = plus(y[3], s * s * s, odd);
        }
    };

    /// A
    template <int points>
    struct OutputAdjoint
    {
        static constexpr int from = points - taps + 1, to = points;
        HWY_INLINE void operator()(const Floats (&y)[from], Floats (&m)[to]) const
        {
            m[0] = y[from - 1];
            m[1] = madeUp<points>(1, y[0]);
            setPair<2>(y, m, p);
            if constexpr (points > 4)
                setPair<4>(y, m, q);
        }

    private:
        /// The polynomial with the coefficients y at s and, where there is such a point, at -s.
        template <int first>
        static HWY_INLINE void setPair(const Floats (&y)[from], Floats (&m)[to], float s)
        {
            Floats even = y[0];
            Floats odd = y[1];
            if constexpr (from > 2)
                even = plus(even, s * s, y[2]);
            if constexpr (from > 3)
                odd = plus(odd, s * s, y[3]);
            m[first] = madeUp<points>(first, plus(even, s, odd));
            if constexpr (first + 1 < points)
                m[first + 1] = madeUp<points>(first + 1, plus(even, -s, odd));
        }
    };

    /// G, for all points
    struct Weights
    {
        static constexpr int from = taps, to = maxPoints;
        HWY_INLINE void operator()(const Floats (&w)[from], Floats (&u)[to]) const
        {
            u[0] = w[taps - 1];
            u[1] = times(1.0F / distances(1, 1, maxPoints), w[0]);
            GRADLOOM_UNROLL
            for (int i = 2; i < to; ++i) {
                const float gain = 1.0F / distances(i, 1, maxPoints);
                Floats sum = times(gain, w[0]);
                float factor = gain;
                for (int k = 1; k < taps; ++k) {
                    factor *= finite[i];
                    sum = plus(sum, factor, w[k]);
                }
                u[i] = sum;
            }
        }
    };

    /// G^T
    struct WeightsAdjoint
    {
        static constexpr int from = maxPoints, to = taps;
        HWY_INLINE void operator()(const Floats (&u)[from], Floats (&w)[to]) const
        {
            w[0] = times(1.0F / distances(1, 1, maxPoints), u[1]);
            for (int k = 1; k < taps; ++k)
                w[k] = k == taps - 1 ? u[0] : zero();
            GRADLOOM_UNROLL
            for (int i = 2; i < from; ++i) {
                float factor = 1.0F / distances(i, 1, maxPoints);
                for (int k = 0; k < taps; ++k) {
                    w[k] = plus(w[k], factor, u[i]);
                    factor *= finite[i];
                }
            }
        }
    };
};

struct ThreeTaps
{
    static constexpr int taps = 3;
    static constexpr float p = 0.625F;
    static constexpr float q = 1.5F;
};

struct TwoTaps
{
    static constexpr int taps = 2;
    static constexpr float p = 0.75F;
    static constexpr float q = 2.0F;
};

/// Calls run(number) with the number of points as a constant.
template <class Form, class Run>
HWY_INLINE void withPoints(int points, const Run& run)
{
    static_assert(Form::maxPoints == winogradMinOut + Form::taps + 1);
    if (points == Form::maxPoints)
        run(std::integral_constant<int, Form::maxPoints>{});
    else if (points == Form::maxPoints - 1)
        run(std::integral_constant<int, Form::maxPoints - 1>{});
    else
        run(std::integral_constant<int, Form::maxPoints - 2>{});
}

/// Applies the map to the first `columns` columns of a square of vectors.
template <class Map, class Load>
HWY_INLINE void transformColumns(
    int columns, const Load& loadAt, Floats (&middle)[winogradMaxPoints][winogradMaxPoints])
{
    for (int column = 0; column < columns; ++column) {
        Floats in[Map::from];
        Floats out[Map::to];
        GRADLOOM_UNROLL
        for (int i = 0; i < Map::from; ++i)
            in[i] = loadAt(i, column);
        Map()(in, out);
        GRADLOOM_UNROLL
        for (int i = 0; i < Map::to; ++i)
            middle[i][column] = out[i];
    }
}

/// And to its first `rows` rows.
template <class Map, class Store>
HWY_INLINE void transformRows(
    int rows, const Floats (&middle)[winogradMaxPoints][winogradMaxPoints], const Store& storeAt)
{
    for (int row = 0; row < rows; ++row) {
        Floats in[Map::from];
        Floats out[Map::to];
        GRADLOOM_UNROLL
        for (int i = 0; i < Map::from; ++i)
            in[i] = middle[row][i];
        Map()(in, out);
        GRADLOOM_UNROLL
        for (int i = 0; i < Map::to; ++i)
            storeAt(row, i, out[i]);
    }
}

/// M x M^T, where M depends on the number of points: those of the rows and of the columns.
template <class Form, template <int> class Map, class Load, class Store>
HWY_INLINE void transform(int rows, int columns, const Load& loadAt, const Store& storeAt)
{
    constexpr int most = Form::maxPoints;
    Floats middle[winogradMaxPoints][winogradMaxPoints];
    withPoints<Form>(rows, [&](auto points) HWY_ATTR {
        transformColumns<Map<points()>>(columns + Map<most>::from - most, loadAt, middle);
    });
    withPoints<Form>(columns, [&](auto points) HWY_ATTR {
        transformRows<Map<points()>>(rows + Map<most>::to - most, middle, storeAt);
    });
}

template <class Form>
void input(const float* const* pixels, int64_t channels, const WinogradTile<float>& to)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        transform<Form, Form::template Input>(
            to.rows, to.columns,
            [&](int i, int j) HWY_ATTR { return loadIt(pixels[i * to.columns + j] + c); },
            [&](int i, int j, Floats v)
                HWY_ATTR { storeIt(v, to.data + i * to.rowStride + j * to.stride + c); });
    });
}

template <class Form>
void addInput(const WinogradTile<const float>& from, int64_t channels, float* const* pixels)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        transform<Form, Form::template InputAdjoint>(
            from.rows, from.columns,
            [&](int i, int j)
                HWY_ATTR { return loadIt(from.data + i * from.rowStride + j * from.stride + c); },
            [&](int i, int j, Floats v) HWY_ATTR {
                float* pixel = pixels[i * from.columns + j] + c;
                storeIt(hn::Add(loadIt(pixel), v), pixel);
            });
    });
}

template <class Form, class Finish>
HWY_INLINE void outputWith(const WinogradTile<const float>& from, int64_t channels, const float* bias,
    float* const* pixels, const Finish& finish)
{
    const int width = from.columns - Form::taps + 1;
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        const Floats start = bias != nullptr ? loadIt(bias + c) : zero();
        transform<Form, Form::template Output>(
            from.rows, from.columns,
            [&](int i, int j)
                HWY_ATTR { return loadIt(from.data + i * from.rowStride + j * from.stride + c); },
            [&](int i, int j, Floats v)
                HWY_ATTR { storeIt(finish(hn::Add(v, start)), pixels[i * width + j] + c); });
    });
}

template <class Form>
void output(
    const WinogradTile<const float>& from, int64_t channels, const Epilogue& epilogue, float* const* pixels)
{
    switch (epilogue.activation) {
    case Activation::None:
        return outputWith<Form>(from, channels, epilogue.bias, pixels, [](Floats v) HWY_ATTR { return v; });
    case Activation::Relu:
        return outputWith<Form>(
            from, channels, epilogue.bias, pixels, [](Floats v) HWY_ATTR { return maxKeepNan(zero(), v); });
    case Activation::LeakyRelu:
        return outputWith<Form>(from, channels, epilogue.bias, pixels,
            [slope = broadcast(epilogue.slope)](Floats v)
                HWY_ATTR { return hn::IfThenElse(hn::Gt(v, zero()), v, hn::Mul(v, slope)); });
    }
}

template <class Form>
void gradient(const float* const* pixels, int64_t channels, const WinogradTile<float>& to, float* sum)
{
    const int width = to.columns - Form::taps + 1;
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        Floats total = zero();
        transform<Form, Form::template OutputAdjoint>(
            to.rows, to.columns,
            [&](int i, int j) HWY_ATTR {
                const Floats v = loadIt(pixels[i * width + j] + c);
                total = hn::Add(total, v);
                return v;
            },
            [&](int i, int j, Floats v)
                HWY_ATTR { storeIt(v, to.data + i * to.rowStride + j * to.stride + c); });
        if (sum != nullptr)
            storeIt(hn::Add(loadIt(sum + c), total), sum + c);
    });
}

template <class Form>
void weights(const float* taps, int64_t tapStride, int64_t channels, const WinogradTile<float>& to)
{
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        Floats middle[winogradMaxPoints][winogradMaxPoints];
        transformColumns<typename Form::Weights>(
            Form::taps,
            [&](int i, int j) HWY_ATTR { return loadIt(taps + (i * Form::taps + j) * tapStride + c); },
            middle);
        transformRows<typename Form::Weights>(to.rows, middle, [&](int i, int j, Floats v) HWY_ATTR {
            if (j < to.columns)
                storeIt(v, to.data + i * to.rowStride + j * to.stride + c);
        });
    });
}

template <class Form>
void weightGradient(const WinogradForm::WeightSum& sum, int64_t channels, float* const* taps, bool accumulate)
{
    const WinogradTile<const float>& from = sum.from;
    forVectors(channels, [&](int64_t c, auto loadIt, auto storeIt) HWY_ATTR {
        Floats middle[winogradMaxPoints][winogradMaxPoints];
        const auto loadSum = [&](int i, int j) HWY_ATTR {
            if (i >= from.rows || j >= from.columns)
                return zero();
            const float* element = from.data + i * from.rowStride + j * from.stride + c;
            Floats total = loadIt(element);
            for (int64_t part = 1; part < sum.parts; ++part)
                total = hn::Add(total, loadIt(element + part * sum.partStride));
            return total;
        };
        transformColumns<typename Form::WeightsAdjoint>(Form::maxPoints, loadSum, middle);
        transformRows<typename Form::WeightsAdjoint>(
            Form::taps, middle, [&](int i, int j, Floats v) HWY_ATTR {
                float* tap = taps[i * Form::taps + j];
                if (tap != nullptr)
                    storeIt(accumulate ? hn::Add(loadIt(tap + c), v) : v, tap + c);
            });
    });
}

template <class Form>
const WinogradForm& form()
{
    static const WinogradForm table{Form::taps, input<Form>, addInput<Form>, output<Form>,
        gradient<Form>, weights<Form>, weightGradient<Form>};
    return table;
}

const WinogradForm& formFor(int64_t taps)
{
    return taps == TwoTaps::taps ? form<Transforms<TwoTaps>>() : form<Transforms<ThreeTaps>>();
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
