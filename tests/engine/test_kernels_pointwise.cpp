#include "kernel_test_util.h"

#include "engine/base/philox.h"

#include <functional>
#include <set>

using namespace gradloom::cpu;
using namespace kernel_test;
using Op = PointwiseOp;

namespace {

class PointwiseKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(PointwiseKernels);

void runProgram(const PointwiseProgram& program, int64_t size, int64_t period,
    const std::vector<const float*>& inputs, const std::vector<float*>& outputs)
{
    ASSERT_TRUE(pointwiseValid(program));
    const PointwiseArgs args{size, period, inputs.data(), outputs.data()};
    inPieces(pointwiseUnits(size), [&](int64_t b, int64_t e) { pointwise(program, args, b, e); });
}

/// Distance from the exact value in units of its last place.
double ulps(float actual, double exact)
{
    if (std::isnan(exact))
        return std::isnan(actual) ? 0 : 1e9;
    const auto rounded = static_cast<float>(exact);
    if (std::isinf(rounded))
        return actual == rounded ? 0 : 1e9;
    const double magnitude = std::max(std::abs(exact), double{std::numeric_limits<float>::min()});
    return std::abs(actual - exact) / std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

struct Function
{
    const char* name;
    Op op;
    double low, high;
    double tolerance; ///< in units of the last place
    std::function<double(double)> exact;
};

std::vector<Function> functions()
{
    return {
        {"copy", Op::Copy, -5, 5, 0, [](double a) { return a; }},
        {"neg", Op::Neg, -5, 5, 0, [](double a) { return -a; }},
        {"abs", Op::Abs, -5, 5, 0, [](double a) { return std::abs(a); }},
        {"sign", Op::Sign, -5, 5, 0, [](double a) { return a > 0   ? 1.0
                                                           : a < 0 ? -1.0
                                                                   : a; }},
        {"square", Op::Square, -5, 5, 0.6, [](double a) { return a * a; }},
        {"sqrt", Op::Sqrt, 0, 1e6, 0.6, [](double a) { return std::sqrt(a); }},
        {"rsqrt", Op::Rsqrt, 1e-6, 1e6, 1.6, [](double a) { return 1 / std::sqrt(a); }},
        {"reciprocal", Op::Reciprocal, -5, 5, 0.6, [](double a) { return 1 / a; }},
        {"exp", Op::Exp, -110, 95, 2, [](double a) { return std::exp(a); }},
        {"expm1 near 0", Op::Expm1, -1e-3, 1e-3, 4, [](double a) { return std::expm1(a); }},
        {"expm1", Op::Expm1, -20, 80, 4.5, [](double a) { return std::expm1(a); }},
        {"log near 1", Op::Log, 0.5, 2, 2, [](double a) { return std::log(a); }},
        {"log", Op::Log, 0, 1e30, 2, [](double a) { return std::log(a); }},
        {"log1p near 0", Op::Log1p, -1e-3, 1e-3, 3, [](double a) { return std::log1p(a); }},
        {"log1p", Op::Log1p, -1, 1e6, 3, [](double a) { return std::log1p(a); }},
        {"tanh", Op::Tanh, -12, 12, 2.5, [](double a) { return std::tanh(a); }},
        {"tanh near 0", Op::Tanh, -1, 1, 2.5, [](double a) { return std::tanh(a); }},
        {"sigmoid", Op::Sigmoid, -80, 30, 4, [](double a) { return 1 / (1 + std::exp(-a)); }},
        {"softplus", Op::Softplus, -80, 80, 4,
            [](double a) { return std::log1p(std::exp(-std::abs(a))) + std::max(a, 0.0); }},
        {"erf", Op::Erf, -6, 6, 3, [](double a) { return std::erf(a); }},
        {"erf near 0", Op::Erf, -1, 1, 3, [](double a) { return std::erf(a); }},
        {"floor", Op::Floor, -50, 50, 0, [](double a) { return std::floor(a); }},
        {"relu", Op::Relu, -5, 5, 0, [](double a) { return std::max(a, 0.0); }},
        {"step", Op::Step, -5, 5, 0, [](double a) { return a > 0 ? 1.0 : 0.0; }},
    };
}

TEST_P(PointwiseKernels, functionsOfOneValue)
{
    constexpr int64_t size = 20'003;
    for (const Function& f : functions()) {
        const Buffer x = randomBuffer(size, 1, static_cast<float>(f.low), static_cast<float>(f.high));
        Buffer y(size);
        runProgram({{PointwiseInput::Full}, {{f.op, 1, 0, 0, 0, 0}}, {1}}, size, 1, {x.data()}, {y.data()});
        double worst = 0;
        int64_t where = 0;
        for (int64_t i = 0; i < size; ++i)
            if (ulps(y[i], f.exact(x[i])) > worst) {
                worst = ulps(y[i], f.exact(x[i]));
                where = i;
            }
        EXPECT_LE(worst, f.tolerance) << f.name << " of " << x[where] << " is " << y[where];
    }
}

TEST_P(PointwiseKernels, sineAndCosine)
{
    // Their error is absolute: near a zero of the sine no float carries more digits of the argument.
    const Buffer x = randomBuffer(1001, 2, -300, 300);
    Buffer s(1001);
    Buffer c(1001);
    runProgram({{PointwiseInput::Full}, {{Op::Sin, 1, 0, 0, 0, 0}, {Op::Cos, 2, 0, 0, 0, 0}}, {1, 2}}, 1001,
        1, {x.data()}, {s.data(), c.data()});
    for (int64_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(s[i], std::sin(double{x[i]}), 3e-7);
        EXPECT_NEAR(c[i], std::cos(double{x[i]}), 3e-7);
    }
}

/// The step of Adam has the bits of its instructions, in place and not, for whole tiles and a rest.
TEST_P(PointwiseKernels, adamAsOne)
{
    using In = PointwiseInput;
    constexpr uint8_t w = 0, g = 1, m = 2, v = 3, correction = 4, rate = 5, w2 = 6, m2 = 7, v2 = 8, t = 9,
                      u = 10;
    constexpr uint8_t imm = pointwiseImmediate;
    const PointwiseProgram joined{{In::Full, In::Full, In::Full, In::Full, In::Scalar, In::Scalar},
        {{Op::Mul, u, g, imm, 0, 2.0F}, {Op::Mul, t, m, imm, 0, 0.9F}, {Op::MulAdd, m2, u, imm, t, 0.1F},
            {Op::MulMul, t, u, u, imm, 0.001F}, {Op::MulAdd, v2, v, imm, t, 0.999F},
            {Op::DivRoot, t, m2, v2, correction, 1e-8F}, {Op::NegMulAdd, w2, t, rate, w, 0}},
        {w2, m2, v2}};
    PointwiseProgram apart = joined;
    apart.outputs.push_back(t); // what is not kept otherwise
    EXPECT_EQ(pointwiseAdam(joined), 1);
    EXPECT_EQ(pointwiseAdam(apart), -1);
    constexpr int64_t size = 9'005;
    const float numbers[] = {1.5F, 0.01F};
    Buffer values[] = {
        randomBuffer(size, 1), randomBuffer(size, 2), randomBuffer(size, 3), randomBuffer(size, 4, 0, 1)};
    const std::vector<const float*> inputs{
        values[w].data(), values[g].data(), values[m].data(), values[v].data(), numbers, numbers + 1};
    Buffer expected[] = {Buffer(size), Buffer(size), Buffer(size), Buffer(size)};
    runProgram(apart, size, 1, inputs,
        {expected[0].data(), expected[1].data(), expected[2].data(), expected[3].data()});
    Buffer actual[] = {Buffer(size), Buffer(size), Buffer(size)};
    runProgram(joined, size, 1, inputs, {actual[0].data(), actual[1].data(), actual[2].data()});
    for (size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(std::equal(actual[i].begin(), actual[i].end(), expected[i].begin())) << i;
    runProgram(joined, size, 1, inputs, {values[w].data(), values[m].data(), values[v].data()});
    EXPECT_TRUE(std::equal(values[w].begin(), values[w].end(), expected[0].begin()));
    EXPECT_TRUE(std::equal(values[m].begin(), values[m].end(), expected[1].begin()));
    EXPECT_TRUE(std::equal(values[v].begin(), values[v].end(), expected[2].begin()));
    for (int64_t i = 0; i < size; i += 97) {
        const double change = double{actual[1][i]} / (std::sqrt(double{actual[2][i]}) * 1.5 + 1e-8);
        EXPECT_NEAR(double{expected[3][i]}, change, 1e-5 * std::abs(change));
    }
}

TEST_P(PointwiseKernels, specialValues)
{
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x = {
        0.0F, -0.0F, 1.0F, -1.0F, infinity, -infinity, nan, 1e-40F, 3e38F, -3e38F, 88.8F};
    const auto size = static_cast<int64_t>(x.size());
    for (const Function& f : functions()) {
        Buffer y(size);
        runProgram({{PointwiseInput::Full}, {{f.op, 1, 0, 0, 0, 0}}, {1}}, size, 1, {x.data()}, {y.data()});
        for (int64_t i = 0; i < size; ++i) {
            const float v = x[static_cast<size_t>(i)];
            const double exact = std::isnan(v) ? (f.op == Op::Step ? 0 : nan) : f.exact(v);
            EXPECT_LE(ulps(y[i], exact), std::max(f.tolerance, 2.0)) << f.name << " of " << v << ": " << y[i];
        }
    }
}

TEST_P(PointwiseKernels, functionsOfMoreValues)
{
    struct Case
    {
        Op op;
        std::function<double(double, double, double)> exact;
    };
    const Case cases[] = {
        {Op::Add, [](double a, double b, double) { return a + b; }},
        {Op::Sub, [](double a, double b, double) { return a - b; }},
        {Op::Mul, [](double a, double b, double) { return a * b; }},
        {Op::Div, [](double a, double b, double) { return a / b; }},
        {Op::Min, [](double a, double b, double) { return std::min(a, b); }},
        {Op::Max, [](double a, double b, double) { return std::max(a, b); }},
        {Op::MulAdd, [](double a, double b, double c) { return a * b + c; }},
        {Op::NegMulAdd, [](double a, double b, double c) { return c - a * b; }},
        {Op::MulMul, [](double a, double b, double c) { return a * b * c; }},
        {Op::DivRoot, [](double a, double b, double c) { return a / (std::sqrt(b) * c + 1.5); }},
        {Op::Pow, [](double a, double b, double) { return std::pow(a, b); }},
        {Op::Greater, [](double a, double b, double) { return a > b ? 1.0 : 0.0; }},
        {Op::GreaterEqual, [](double a, double b, double) { return a >= b ? 1.0 : 0.0; }},
        {Op::Equal, [](double a, double b, double) { return a == b ? 1.0 : 0.0; }},
        {Op::Select, [](double a, double b, double c) { return a > 0 ? b : c; }},
        {Op::MaskPositive, [](double a, double b, double) { return b > 0 ? a : 0.0; }},
    };
    for (const int64_t size : {1, 17, 512, 5000}) {
        const Buffer a = randomBuffer(size, 1);
        Buffer b = randomBuffer(size, 2);
        b[0] = a[0];
        const Buffer c = randomBuffer(size, 3);
        for (const Case& test : cases) {
            Buffer y(size);
            runProgram({{PointwiseInput::Full, PointwiseInput::Full, PointwiseInput::Full},
                           {{test.op, 3, 0, 1, 2, 1.5F}}, {3}},
                size, 1, {a.data(), b.data(), c.data()}, {y.data()});
            for (int64_t i = 0; i < size; ++i) {
                const double exact = test.exact(a[i], b[i], c[i]);
                if (std::isnan(exact))
                    EXPECT_TRUE(std::isnan(y[i]));
                else
                    EXPECT_NEAR(y[i], exact, 2e-7 * std::abs(exact) + 2e-7) << int(test.op);
            }
        }
    }
}

TEST_P(PointwiseKernels, broadcastInputs)
{
    for (const int64_t period : {1, 3, 32, 100, 512, 700})
        for (const int64_t rows : {1, 7, 40}) {
            const int64_t size = rows * period;
            const Buffer full = randomBuffer(size, 1);
            const Buffer row = randomBuffer(period, 2);
            const Buffer column = randomBuffer(rows, 3);
            const float scalar = 0.75F;
            Buffer y(size);
            Buffer z(size);
            // y = (full * row + column) * scalar - 2, z = scalar
            runProgram(
                {{PointwiseInput::Full, PointwiseInput::Row, PointwiseInput::Column, PointwiseInput::Scalar},
                    {{Op::MulAdd, 4, 0, 1, 2, 0}, {Op::Mul, 5, 4, 3, 0, 0},
                        {Op::Sub, 5, 5, pointwiseImmediate, 0, 2.0F}, {Op::Copy, 6, 3, 0, 0, 0}},
                    {5, 6}},
                size, period, {full.data(), row.data(), column.data(), &scalar}, {y.data(), z.data()});
            for (int64_t i = 0; i < size; ++i) {
                EXPECT_NEAR(
                    y[i], (double(full[i]) * row[i % period] + column[i / period]) * scalar - 2, 1e-6);
                EXPECT_EQ(z[i], scalar);
            }
        }
}

TEST_P(PointwiseKernels, outputsMayBeInputs)
{
    // Swap and sum: each input is read after an output to the same memory has been computed.
    for (const int64_t size : {5, 512, 10'001}) {
        const Buffer a = randomBuffer(size, 1);
        const Buffer b = randomBuffer(size, 2);
        Buffer x = a;
        Buffer y = b;
        runProgram({{PointwiseInput::Full, PointwiseInput::Full},
                       {{Op::Copy, 2, 1, 0, 0, 0}, {Op::Add, 3, 0, 1, 0, 0}, {Op::Sub, 4, 0, 3, 0, 0},
                           {Op::Neg, 4, 4, 0, 0, 0}},
                       {2, 4}},
            size, 1, {x.data(), y.data()}, {x.data(), y.data()});
        for (int64_t i = 0; i < size; ++i) {
            EXPECT_EQ(x[i], b[i]);
            EXPECT_NEAR(y[i], b[i], 3e-7);
        }
    }
}

TEST_P(PointwiseKernels, longProgram)
{
    // More instructions than are handed over at once.
    PointwiseProgram program{{PointwiseInput::Full}, {{Op::Copy, 1, 0, 0, 0, 0}}, {1}};
    for (int i = 0; i < 100; ++i)
        program.code.push_back({Op::Add, 1, 1, pointwiseImmediate, 0, static_cast<float>(i)});
    Buffer x = randomBuffer(3000, 1);
    Buffer y(3000);
    runProgram(program, 3000, 1, {x.data()}, {y.data()});
    for (int64_t i = 0; i < 3000; ++i)
        EXPECT_NEAR(y[i], x[i] + 4950.0F, 0.02F);
}

TEST(PointwisePrograms, validation)
{
    using enum PointwiseInput;
    EXPECT_TRUE(pointwiseValid({{Full}, {{Op::Exp, 1, 0, 0, 0, 0}}, {1}}));
    EXPECT_FALSE(pointwiseValid({{Full}, {{Op::Exp, 1, 2, 0, 0, 0}}, {1}})) << "reads an empty register";
    EXPECT_FALSE(pointwiseValid({{Full}, {{Op::Add, 1, 0, 7, 0, 0}}, {1}})) << "second operand empty";
    EXPECT_FALSE(pointwiseValid({{Full}, {{Op::Exp, 0, 0, 0, 0, 0}}, {0}})) << "writes an input";
    EXPECT_FALSE(pointwiseValid({{Full}, {}, {0}})) << "output is an input";
    EXPECT_FALSE(pointwiseValid({{Full}, {{Op::Exp, 40, 0, 0, 0, 0}}, {40}})) << "register out of range";
    EXPECT_FALSE(pointwiseValid({{Full}, {{Op::Exp, 1, 0, 0, 0, 0}}, {3}})) << "output never written";
}

TEST(RandomKernels, aPlaceFurtherOnGivesTheNumbersFromThere)
{
    constexpr int64_t size = 9'001;
    const RandomKey key{0x123456789ABCDEFULL, 7, 42};
    Buffer uniform(size);
    Buffer normal(size);
    Buffer ones(size);
    Buffer dropped(size);
    std::fill_n(ones.data(), size, 1.0F);
    inPieces(randomUnits(size), [&](int64_t b, int64_t e) {
        randomUniform({key, size, uniform.data()}, -2, 3, b, e);
        randomNormal({key, size, normal.data()}, 1, 0.5F, b, e);
        dropout({key, 0.3F, size, ones.data(), dropped.data()}, b, e);
    });
    for (const std::string& target : simdTargets()) {
        ASSERT_TRUE(forceSimdTarget(target));
        for (const int64_t first : {1, 63, 64, 130, 4'096, 8'200}) {
            RandomKey further = key;
            further.first = first;
            const int64_t count = std::min<int64_t>(size - first, 4'500); // ends within a group, in another unit
            Buffer u(count);
            Buffer n(count);
            Buffer d(count);
            inPieces(randomUnits(count), [&](int64_t b, int64_t e) {
                randomUniform({further, count, u.data()}, -2, 3, b, e);
                randomNormal({further, count, n.data()}, 1, 0.5F, b, e);
                dropout({further, 0.3F, count, ones.data(), d.data()}, b, e);
            });
            for (int64_t i = 0; i < count; ++i) {
                ASSERT_EQ(u[i], uniform[first + i]) << target << " " << first << " " << i;
                ASSERT_EQ(n[i], normal[first + i]) << target << " " << first << " " << i;
                ASSERT_EQ(d[i], dropped[first + i]) << target << " " << first << " " << i;
            }
        }
    }
    forceSimdTarget("");
}

TEST(RandomKernels, everyTargetGivesTheSameNumbers)
{
    const RandomKey key{0x123456789ABCDEFULL, 7, 42};
    constexpr int64_t size = 10'007;
    std::vector<uint32_t> words(size);
    Buffer uniform(size);
    Buffer normal(size);
    Buffer dropped(size);
    const Buffer x = randomBuffer(size, 1);
    bool first = true;
    for (const std::string& target : simdTargets()) {
        ASSERT_TRUE(forceSimdTarget(target));
        std::vector<uint32_t> w(size);
        Buffer u(size);
        Buffer n(size);
        Buffer d(size);
        inPieces(randomUnits(size), [&](int64_t b, int64_t e) {
            randomWords(key, size, w.data(), b, e);
            randomUniform({key, size, u.data()}, -2, 3, b, e);
            randomNormal({key, size, n.data()}, 1, 0.5F, b, e);
            dropout({key, 0.3F, size, x.data(), d.data()}, b, e);
        });
        if (first) {
            words = w;
            uniform = u;
            normal = n;
            dropped = d;
        }
        first = false;
        EXPECT_EQ(words, w) << target;
        EXPECT_TRUE(std::equal(u.begin(), u.end(), uniform.begin())) << target;
        EXPECT_TRUE(std::equal(n.begin(), n.end(), normal.begin())) << target;
        EXPECT_TRUE(std::equal(d.begin(), d.end(), dropped.begin())) << target;
    }
    forceSimdTarget("");
    for (const int64_t i : {0, 1, 15, 16, 63, 64, 100, 10'006}) {
        const auto block = static_cast<uint32_t>(i / 64 * 16 + i % 16);
        const auto expected = gradloom::philox4x32({{block, 0, 42, 7}}, 0x0123456789ABCDEF);
        EXPECT_EQ(words[static_cast<size_t>(i)], expected.word[i / 16 % 4]) << i;
    }
}

struct Moments
{
    double mean = 0, variance = 0;
    explicit Moments(const Buffer& values)
    {
        for (const float v : values)
            mean += v / static_cast<double>(values.size());
        for (const float v : values)
            variance += (v - mean) * (v - mean) / static_cast<double>(values.size());
    }
};

TEST(RandomKernels, distributions)
{
    constexpr int64_t size = 1'000'000;
    Buffer y(size);
    randomUniform({{1, 2, 3}, size, y.data()}, -2, 3, 0, randomUnits(size));
    EXPECT_NEAR(Moments(y).mean, 0.5, 0.01);
    EXPECT_NEAR(Moments(y).variance, 25.0 / 12, 0.01);
    EXPECT_GE(*std::min_element(y.begin(), y.end()), -2.0F);
    EXPECT_LT(*std::max_element(y.begin(), y.end()), 3.0F);

    randomNormal({{1, 2, 3}, size, y.data()}, 1, 0.5F, 0, randomUnits(size));
    EXPECT_NEAR(Moments(y).mean, 1, 0.003);
    EXPECT_NEAR(Moments(y).variance, 0.25, 0.002);
    double cubes = 0;
    double fourth = 0;
    for (const float v : y) {
        const double z = (v - 1) / 0.5;
        cubes += z * z * z / size;
        fourth += z * z * z * z / size;
    }
    EXPECT_NEAR(cubes, 0, 0.02);
    EXPECT_NEAR(fourth, 3, 0.05);

    Buffer ones(size);
    std::fill(ones.begin(), ones.end(), 1.0F);
    dropout({{5, 0, 0}, 0.2F, size, ones.data(), y.data()}, 0, randomUnits(size));
    EXPECT_NEAR(Moments(y).mean, 1, 0.003);
    EXPECT_EQ(std::set<float>(y.begin(), y.end()).size(), 2U);
    dropout({{5, 0, 0}, 0.0F, size, ones.data(), y.data()}, 0, randomUnits(size));
    EXPECT_EQ(Moments(y).mean, Moments(ones).mean);
}

} // namespace
