#include "engine/backend/backend.h"
#include "engine/ir/builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

/// The random numbers that programs draw: their distribution, and that they are a function of seed, step,
/// stream and element alone.
namespace gradloom::tests {
namespace {

struct Draw
{
    std::string kind = "normal";
    int64_t stream = 1;
    int32_t seed = 5;
    int32_t step = 1;
    int threads = 2;
};

constexpr int64_t count = 100003; // not a multiple of anything

std::vector<float> numbers(const Draw& draw)
{
    ir::Builder builder;
    const ir::ValueId counter = builder.input("random", {Shape{4}, DType::I32});
    const ir::ValueId drawn = builder.op("random_fill", {counter},
        {{"shape", std::vector<int64_t>{count}}, {"kind", draw.kind}, {"stream", draw.stream}});
    builder.output("drawn", drawn);
    const auto plan = std::make_shared<compile::Plan>(compile::plan(builder.program()));
    auto backend = backend::open("cpu", {draw.threads}).value();
    auto executable = backend->load(plan, backend::allocateModel(*backend, plan->program).value()).value();
    const int32_t words[] = {draw.seed, 0, draw.step, 0};
    executable->write(counter, std::as_bytes(std::span(words)));
    executable->poison();
    executable->run();
    std::vector<float> result(count);
    executable->read(drawn, std::as_writable_bytes(std::span(result)));
    return result;
}

double mean(const std::vector<float>& x)
{
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double covariance(const std::vector<float>& x, const std::vector<float>& y)
{
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i)
        sum += static_cast<double>(x[i]) * y[i];
    return sum / static_cast<double>(x.size()) - mean(x) * mean(y);
}

// Five standard errors of a mean of `count` numbers with deviation 1.
const double fiveErrors = 5 / std::sqrt(static_cast<double>(count));

TEST(RandomFill, NormalNumbersHaveMeanZeroAndDeviationOne)
{
    const auto x = numbers({});
    EXPECT_NEAR(mean(x), 0, fiveErrors);
    EXPECT_NEAR(covariance(x, x), 1, fiveErrors * std::sqrt(2.0));
    // The share within one deviation, and the tails that only a normal distribution has.
    const auto within = [&](double bound) {
        return static_cast<double>(std::count_if(x.begin(), x.end(), [&](float v) {
            return std::abs(v) < bound;
        })) / count;
    };
    EXPECT_NEAR(within(1), 0.6827, fiveErrors / 2);
    EXPECT_NEAR(within(2), 0.9545, fiveErrors / 2);
    EXPECT_LT(within(3.5), 1);
}

TEST(RandomFill, UniformNumbersFillTheUnitInterval)
{
    const auto x = numbers({.kind = "uniform"});
    EXPECT_NEAR(mean(x), 0.5, fiveErrors / std::sqrt(12.0));
    EXPECT_NEAR(covariance(x, x), 1.0 / 12, fiveErrors / std::sqrt(180.0));
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    EXPECT_GE(*low, 0);
    EXPECT_LT(*high, 1);
    EXPECT_LT(*low, 0.001);
    EXPECT_GT(*high, 0.999);
}

TEST(RandomFill, StreamsStepsSeedsAndNeighboursAreIndependent)
{
    const auto x = numbers({});
    EXPECT_NEAR(covariance(x, numbers({.stream = 2})), 0, fiveErrors);
    EXPECT_NEAR(covariance(x, numbers({.step = 2})), 0, fiveErrors);
    EXPECT_NEAR(covariance(x, numbers({.seed = 6})), 0, fiveErrors);
    for (const size_t shift : {1U, 16U, 32U, 64U}) {
        auto moved = x;
        std::rotate(moved.begin(), moved.begin() + static_cast<int64_t>(shift), moved.end());
        EXPECT_NEAR(covariance(x, moved), 0, fiveErrors) << shift;
    }
}

TEST(RandomFill, TheNumberOfThreadsChangesNoBit)
{
    for (const std::string kind : {"normal", "uniform"})
        EXPECT_EQ(numbers({.kind = kind, .threads = 1}), numbers({.kind = kind, .threads = 3})) << kind;
}

} // namespace
} // namespace gradloom::tests
