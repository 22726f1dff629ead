#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

/// Recurrent kernels against plain loops in double precision.
namespace {

class RecurrentKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(RecurrentKernels);

/// Which optional operands and gradients there are.
struct Options
{
    bool bias = true;
    bool state = false;
    bool mask = false;
    bool dropout = false;
    bool dx = true;
    bool dy = true;
    bool last = false; ///< gradients of the last states
};

using Doubles = std::vector<double>;

double sigmoid(double x)
{
    return 1 / (1 + std::exp(-x));
}

/// Everything a pass reads and writes.
struct Problem
{
    RecurrentShape s;
    Options o;
    Buffer x, w, u, bias, h0, c0, mask, dropout, dy, dLastH, dLastC;
    Buffer y, lastH, lastC, reserve, dx, dh0, dc0, dw, du, db;

    Problem(const RecurrentShape& shape, const Options& options)
        : s(shape), o(options), x(randomBuffer(s.n * s.t * s.inputWidth(), 1)), w(randomBuffer(s.d * s.columns(), 2)),
          u(randomBuffer(s.h * s.columns(), 3, -0.5F, 0.5F)),
          bias(randomBuffer(s.biasRows() * s.columns(), 4)), h0(randomBuffer(s.n * s.h, 5)),
          c0(randomBuffer(s.n * s.h, 6)), mask(randomBuffer(s.n * s.t, 7, 0, 1.5F)),
          dropout(randomBuffer(s.n * s.h, 8, 0, 2)), dy(randomBuffer(s.n * s.t * s.h, 9)),
          dLastH(randomBuffer(s.n * s.h, 10)), dLastC(randomBuffer(s.n * s.h, 11)), y(s.n * s.t * s.h),
          lastH(s.n * s.h), lastC(s.n * s.h), reserve(s.t * s.n * s.reserveWidth()), dx(s.n * s.t * s.inputWidth()),
          dh0(s.n * s.h), dc0(s.n * s.h), dw(s.d * s.columns()), du(s.h * s.columns()),
          db(s.biasRows() * s.columns())
    {
    }

    bool lstm() const { return s.cell == RecurrentCell::Lstm; }
    RecurrentInputs inputs() const
    {
        return {x.data(), o.state ? h0.data() : nullptr, o.state && lstm() ? c0.data() : nullptr,
            o.mask ? mask.data() : nullptr, o.dropout ? dropout.data() : nullptr};
    }

    void forward()
    {
        const RecurrentWeights weights{w.data(), u.data(), o.bias ? bias.data() : nullptr};
        Buffer packed(recurrentPackedSize(s));
        inPieces(recurrentPackUnits(s),
            [&](int64_t b, int64_t e) { recurrentPack(s, weights, packed.data(), b, e); });
        Buffer scratch(recurrentForwardScratch(s));
        const RecurrentForwardArgs args{inputs(), packed.data(), y.data(), lastH.data(),
            lstm() ? lastC.data() : nullptr, s.reserveWidth() > 0 ? reserve.data() : nullptr, scratch.data()};
        inPieces(s.parts, [&](int64_t b, int64_t e) { recurrentForward(s, args, b, e); });
    }

    void backward()
    {
        const RecurrentWeights weights{w.data(), u.data(), nullptr};
        Buffer packed(recurrentBackwardPackedSize(s));
        inPieces(recurrentBackwardPackUnits(s),
            [&](int64_t b, int64_t e) { recurrentBackwardPack(s, weights, packed.data(), b, e); });
        Buffer scratch(recurrentBackwardScratch(s));
        Buffer partials(recurrentPartials(s));
        RecurrentBackwardArgs args;
        args.in = inputs();
        args.packed = packed.data();
        args.y = y.data();
        args.reserve = reserve.data();
        args.dy = o.dy ? dy.data() : nullptr;
        args.dLastH = o.last ? dLastH.data() : nullptr;
        args.dLastC = o.last && lstm() ? dLastC.data() : nullptr;
        args.dx = o.dx ? dx.data() : nullptr;
        args.dh0 = dh0.data();
        args.dc0 = lstm() ? dc0.data() : nullptr;
        args.partials = partials.data();
        args.scratch = scratch.data();
        inPieces(s.parts, [&](int64_t b, int64_t e) { recurrentBackward(s, args, b, e); });
        const RecurrentGradients gradients{dw.data(), du.data(), db.data()};
        inPieces(recurrentCombineUnits(s),
            [&](int64_t b, int64_t e) { recurrentCombine(s, partials.data(), gradients, b, e); });
    }
};

/// The same in double precision: what each step had, then the chain rule backwards, sequence by sequence.
class Reference
{
public:
    explicit Reference(const Problem& problem)
        : m_p(problem), m_s(problem.s), y(at(m_s.n * m_s.t * m_s.h)), lastH(at(m_s.n * m_s.h)), lastC(lastH),
          dx(at(m_s.n * m_s.t * m_s.d)), dh0(lastH), dc0(lastH), dw(at(m_s.d * m_s.columns())),
          du(at(m_s.h * m_s.columns())), db(at(m_s.biasRows() * m_s.columns()))
    {
        for (int64_t n = 0; n < m_s.n; ++n) {
            forward(n);
            backward(n);
        }
    }

private:
    struct Step
    {
        int64_t time = 0;
        bool real = true;
        Doubles before, cBefore, dropped; ///< states in front of it
        Doubles gates, recurrent, c;      ///< activated gates; Gru: h·u + b1 of the new gate
    };

    static Doubles at(int64_t size) { return Doubles(static_cast<size_t>(size), 0.0); }
    static double& in(Doubles& v, int64_t i) { return v[static_cast<size_t>(i)]; }
    static double in(const Doubles& v, int64_t i) { return v[static_cast<size_t>(i)]; }

    void forward(int64_t n)
    {
        const int64_t h = m_s.h;
        Doubles state = at(h);
        Doubles c = at(h);
        for (int64_t j = 0; m_p.o.state && j < h; ++j) {
            in(state, j) = m_p.h0[n * h + j];
            in(c, j) = m_p.lstm() ? m_p.c0[n * h + j] : 0;
        }
        m_steps.clear();
        for (int64_t i = 0; i < m_s.t; ++i) {
            Step step;
            step.time = m_s.reverse ? m_s.t - 1 - i : i;
            step.real = !m_p.o.mask || m_p.mask[n * m_s.t + step.time] > 0.5F;
            step.before = state;
            step.cBefore = c;
            if (step.real)
                compute(n, step, state, c);
            for (int64_t j = 0; j < h; ++j)
                in(y, (n * m_s.t + step.time) * h + j) = in(state, j);
            step.c = c;
            m_steps.push_back(std::move(step));
        }
        for (int64_t j = 0; j < h; ++j) {
            in(lastH, n * h + j) = in(state, j);
            in(lastC, n * h + j) = in(c, j);
        }
    }

    void compute(int64_t n, Step& step, Doubles& state, Doubles& c) const
    {
        const int64_t h = m_s.h;
        const int64_t columns = m_s.columns();
        Doubles overX = at(columns);
        Doubles overH = at(columns);
        step.dropped = step.before;
        for (int64_t j = 0; m_p.o.dropout && j < h; ++j)
            in(step.dropped, j) *= m_p.dropout[n * h + j];
        for (int64_t k = 0; k < columns; ++k) {
            in(overX, k) = m_p.o.bias ? m_p.bias[k] : 0;
            in(overH, k) = m_p.o.bias && m_s.biasRows() == 2 ? m_p.bias[columns + k] : 0;
            for (int64_t i = 0; i < m_s.d; ++i)
                in(overX, k) += double{m_p.x[(n * m_s.t + step.time) * m_s.d + i]} * m_p.w[i * columns + k];
            for (int64_t i = 0; i < h; ++i)
                in(overH, k) += in(step.dropped, i) * m_p.u[i * columns + k];
        }
        step.gates = at(columns);
        step.recurrent = overH;
        for (int64_t j = 0; j < h; ++j) {
            const auto sum = [&](int64_t gate) { return in(overX, gate * h + j) + in(overH, gate * h + j); };
            const auto gate = [&](int64_t index) -> double& { return in(step.gates, index * h + j); };
            switch (m_s.cell) {
            case RecurrentCell::Tanh:
                in(state, j) = gate(0) = std::tanh(sum(0));
                break;
            case RecurrentCell::Relu:
                in(state, j) = gate(0) = std::max(0.0, sum(0));
                break;
            case RecurrentCell::Lstm:
                for (int64_t k = 0; k < 4; ++k)
                    gate(k) = k == 2 ? std::tanh(sum(k)) : sigmoid(sum(k));
                in(c, j) = gate(1) * in(c, j) + gate(0) * gate(2);
                in(state, j) = gate(3) * std::tanh(in(c, j));
                break;
            case RecurrentCell::Gru:
                gate(0) = sigmoid(sum(0));
                gate(1) = sigmoid(sum(1));
                gate(2) = std::tanh(in(overX, 2 * h + j) + gate(0) * in(overH, 2 * h + j));
                in(state, j) = (1 - gate(1)) * gate(2) + gate(1) * in(step.before, j);
                break;
            }
        }
    }

    void backward(int64_t n)
    {
        const int64_t h = m_s.h;
        Doubles dh = at(h);
        Doubles dc = at(h);
        for (int64_t j = 0; m_p.o.last && j < h; ++j) {
            in(dh, j) = m_p.dLastH[n * h + j];
            in(dc, j) = m_p.lstm() ? m_p.dLastC[n * h + j] : 0;
        }
        for (size_t i = m_steps.size(); i-- > 0;) {
            const Step& step = m_steps[i];
            for (int64_t j = 0; m_p.o.dy && j < h; ++j)
                in(dh, j) += m_p.dy[(n * m_s.t + step.time) * h + j];
            if (step.real)
                chain(n, step, dh, dc);
        }
        for (int64_t j = 0; j < h; ++j) {
            in(dh0, n * h + j) = in(dh, j);
            in(dc0, n * h + j) = in(dc, j);
        }
    }

    /// From the gradient behind a step to the one in front of it; adds to the gradients of weights and x.
    void chain(int64_t n, const Step& step, Doubles& dh, Doubles& dc)
    {
        const int64_t h = m_s.h;
        const int64_t columns = m_s.columns();
        Doubles overX = at(columns);
        Doubles overH = at(columns);
        Doubles next = at(h);
        for (int64_t j = 0; j < h; ++j) {
            const auto gate = [&](int64_t index) { return in(step.gates, index * h + j); };
            const auto both = [&](int64_t index, double g) {
                in(overX, index * h + j) = in(overH, index * h + j) = g;
            };
            const auto steep = [](double s) { return s * (1 - s); };
            const double g = in(dh, j);
            if (m_s.cell == RecurrentCell::Tanh) {
                both(0, g * (1 - gate(0) * gate(0)));
            } else if (m_s.cell == RecurrentCell::Relu) {
                both(0, gate(0) > 0 ? g : 0);
            } else if (m_s.cell == RecurrentCell::Lstm) {
                const double squashed = std::tanh(in(step.c, j));
                const double g2 = in(dc, j) + g * gate(3) * (1 - squashed * squashed);
                both(0, g2 * gate(2) * steep(gate(0)));
                both(1, g2 * in(step.cBefore, j) * steep(gate(1)));
                both(2, g2 * gate(0) * (1 - gate(2) * gate(2)));
                both(3, g * squashed * steep(gate(3)));
                in(dc, j) = g2 * gate(1);
            } else {
                const double fresh = g * (1 - gate(1)) * (1 - gate(2) * gate(2));
                both(0, fresh * in(step.recurrent, 2 * h + j) * steep(gate(0)));
                both(1, g * (in(step.before, j) - gate(2)) * steep(gate(1)));
                in(overX, 2 * h + j) = fresh;
                in(overH, 2 * h + j) = fresh * gate(0);
                in(next, j) = g * gate(1);
            }
        }
        collect(n, step, overX, overH, next);
        dh = next;
    }

    void collect(int64_t n, const Step& step, const Doubles& overX, const Doubles& overH, Doubles& next)
    {
        const int64_t columns = m_s.columns();
        for (int64_t k = 0; k < columns; ++k) {
            in(db, k) += in(overX, k);
            if (m_s.biasRows() == 2)
                in(db, columns + k) += in(overH, k);
            for (int64_t i = 0; i < m_s.d; ++i) {
                const int64_t place = (n * m_s.t + step.time) * m_s.d + i;
                in(dw, i * columns + k) += in(overX, k) * m_p.x[place];
                in(dx, place) += in(overX, k) * m_p.w[i * columns + k];
            }
            for (int64_t i = 0; i < m_s.h; ++i) {
                in(du, i * columns + k) += in(overH, k) * in(step.dropped, i);
                in(next, i) += in(overH, k) * m_p.u[i * columns + k] *
                               (m_p.o.dropout ? m_p.dropout[n * m_s.h + i] : 1.0F);
            }
        }
    }

    const Problem& m_p;
    const RecurrentShape& m_s;
    std::vector<Step> m_steps;

public:
    Doubles y, lastH, lastC, dx, dh0, dc0, dw, du, db;
};

void expectClose(const Buffer& actual, const Doubles& expected, const std::string& what)
{
    ASSERT_EQ(actual.size(), static_cast<int64_t>(expected.size())) << what;
    double scale = 1;
    for (const double v : expected)
        scale = std::max(scale, std::abs(v));
    for (int64_t i = 0; i < actual.size(); ++i) {
        const double difference = std::abs(actual[i] - expected[static_cast<size_t>(i)]);
        ASSERT_TRUE(difference <= 1e-5 * scale) << what << ": element " << i << " is " << actual[i]
                                                << ", expected " << expected[static_cast<size_t>(i)];
    }
}

std::string nameOf(const RecurrentShape& s)
{
    static constexpr const char* cells[] = {"tanh", "relu", "lstm", "gru"};
    return std::string(cells[static_cast<int>(s.cell)]) + " n" + std::to_string(s.n) + " t" +
           std::to_string(s.t) + " d" + std::to_string(s.d) + " h" + std::to_string(s.h) +
           (s.reverse ? " reverse" : "") + " parts" + std::to_string(s.parts);
}

void check(const RecurrentShape& shape, const Options& options)
{
    SCOPED_TRACE(nameOf(shape));
    Problem problem(shape, options);
    problem.forward();
    problem.backward();
    const Reference expected(problem);
    expectClose(problem.y, expected.y, "y");
    expectClose(problem.lastH, expected.lastH, "last state");
    if (options.dx)
        expectClose(problem.dx, expected.dx, "gradient of x");
    expectClose(problem.dh0, expected.dh0, "gradient of the initial state");
    if (problem.lstm()) {
        expectClose(problem.lastC, expected.lastC, "last cell state");
        expectClose(problem.dc0, expected.dc0, "gradient of the initial cell state");
    }
    expectClose(problem.dw, expected.dw, "gradient of the weights");
    expectClose(problem.du, expected.du, "gradient of the recurrent weights");
    expectClose(problem.db, expected.db, "gradient of the bias");
}

constexpr RecurrentCell allCells[] = {
    RecurrentCell::Tanh, RecurrentCell::Relu, RecurrentCell::Lstm, RecurrentCell::Gru};

TEST_P(RecurrentKernels, oddSizes)
{
    for (const RecurrentCell cell : allCells)
        for (const int64_t h : {1, 3, 50, 65})
            for (const int64_t n : {1, 3, 33})
                for (const int64_t t : {1, 2, 7})
                    for (const int64_t d : {1, 5})
                        check({cell, n, t, d, h, (h + n + t) % 2 == 0, std::min<int64_t>(n, 1 + t % 3)}, {});
}

TEST_P(RecurrentKernels, optionalOperands)
{
    for (const RecurrentCell cell : allCells)
        for (const bool reverse : {false, true}) {
            const RecurrentShape shape{cell, 7, 5, 4, 18, reverse, 2};
            check(shape, {false, false, false, false, true, true, false});
            check(shape, {true, true, false, false, true, true, true});
            check(shape, {true, true, true, false, true, true, true});
            check(shape, {true, false, true, true, true, true, false});
            check(shape, {true, true, true, true, true, false, true});
            check(shape, {true, false, false, true, false, false, true});
        }
}

/// rows · w, row by row; with `transposed` rows · wᵀ.
Buffer multiplied(const Buffer& rows, const Buffer& w, int64_t columns, bool transposed)
{
    const int64_t depth = w.size() / columns;
    const int64_t from = transposed ? columns : depth;
    const int64_t to = transposed ? depth : columns;
    Buffer result(rows.size() / from * to);
    for (int64_t i = 0; i < result.size(); ++i) {
        double sum = 0;
        for (int64_t k = 0; k < from; ++k)
            sum += double{rows[i / to * from + k]} *
                   w[transposed ? i % to * columns + k : k * columns + i % to];
        result[i] = static_cast<float>(sum);
    }
    return result;
}

TEST_P(RecurrentKernels, projectedInputsGiveTheSame)
{
    for (const RecurrentCell cell : allCells)
        for (const Options& options : {Options{}, Options{true, true, true, true, true, true, true},
                 Options{false, false, true, false, false, true, false}}) {
            const RecurrentShape shape{cell, 103, 5, 4, 18, options.mask, 2};
            SCOPED_TRACE(nameOf(shape));
            const Problem plain(shape, options);
            const Reference expected(plain);
            RecurrentShape without = shape;
            without.d = 0;
            without.projected = true;
            Problem problem(without, options);
            problem.x = multiplied(plain.x, plain.w, shape.columns(), false);
            problem.forward();
            problem.backward();
            expectClose(problem.y, expected.y, "y");
            expectClose(problem.dh0, expected.dh0, "gradient of the initial state");
            expectClose(problem.du, expected.du, "gradient of the recurrent weights");
            expectClose(problem.db, expected.db, "gradient of the bias");
            if (options.dx)
                expectClose(multiplied(problem.dx, plain.w, shape.columns(), true), expected.dx, "gradient of x");
        }
}

TEST_P(RecurrentKernels, batchesLargerThanAGroupAndChunk)
{
    for (const RecurrentCell cell : {RecurrentCell::Lstm, RecurrentCell::Gru}) {
        check({cell, 203, 6, 3, 9, false, 2}, {});
        check({cell, 203, 6, 3, 9, true, 1}, {true, true, true, true, true, true, true});
    }
}

TEST_P(RecurrentKernels, wholeSequenceOfPaddingKeepsTheState)
{
    for (const RecurrentCell cell : allCells) {
        Problem problem({cell, 3, 4, 2, 5, false, 1}, {true, true, true, false, true, true, true});
        std::fill(problem.mask.begin(), problem.mask.end(), 0.0F);
        problem.forward();
        problem.backward();
        for (int64_t i = 0; i < problem.h0.size(); ++i)
            EXPECT_EQ(problem.lastH[i], problem.h0[i]);
        for (const Buffer* zero : {&problem.dw, &problem.du, &problem.db, &problem.dx})
            for (const float v : *zero)
                EXPECT_EQ(v, 0.0F);
    }
}

TEST_P(RecurrentKernels, largeSumsSaturate)
{
    for (const RecurrentCell cell : {RecurrentCell::Tanh, RecurrentCell::Lstm, RecurrentCell::Gru}) {
        Problem problem({cell, 2, 3, 1, 20, false, 1}, {});
        for (float& v : problem.w)
            v *= 1e6F;
        problem.forward();
        problem.backward();
        const Reference expected(problem);
        expectClose(problem.y, expected.y, "y");
    }
}

TEST_P(RecurrentKernels, notANumberShows)
{
    for (const RecurrentCell cell : allCells) {
        Problem problem({cell, 2, 3, 2, 20, false, 1}, {});
        problem.x[0] = std::numeric_limits<float>::quiet_NaN();
        problem.forward();
        EXPECT_TRUE(std::isnan(problem.lastH[0]));
        EXPECT_FALSE(std::isnan(problem.lastH[20]));
    }
}

TEST_P(RecurrentKernels, partsAgreeToRounding)
{
    for (const RecurrentCell cell : allCells) {
        Problem one({cell, 32, 20, 3, 50, false, 1}, {});
        Problem two({cell, 32, 20, 3, 50, false, 2}, {});
        Problem again({cell, 32, 20, 3, 50, false, 2}, {});
        for (Problem* problem : {&one, &two, &again}) {
            problem->forward();
            problem->backward();
        }
        const auto compare = [](const Buffer& a, const Buffer& b, float tolerance) {
            float scale = 1;
            for (const float v : a)
                scale = std::max(scale, std::abs(v));
            for (int64_t i = 0; i < a.size(); ++i)
                ASSERT_LE(std::abs(a[i] - b[i]), tolerance * scale);
        };
        for (const auto member : {&Problem::y, &Problem::dw, &Problem::du, &Problem::db, &Problem::dx}) {
            compare(one.*member, two.*member, 1e-5F);
            compare(two.*member, again.*member, 0);
        }
    }
}

} // namespace
