#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

namespace {

class RowKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(RowKernels);

void checkReduce(const ReduceShape& s, ReduceOp op, bool accumulate)
{
    const Buffer x = randomBuffer(s.outer * s.reduce * s.inner, 1, -1, 2);
    Buffer y = accumulate ? randomBuffer(s.outer * s.inner, 2) : Buffer(s.outer * s.inner);
    std::vector<Sum> expected(static_cast<size_t>(y.size()));
    for (int64_t o = 0; o < s.outer; ++o)
        for (int64_t i = 0; i < s.inner; ++i) {
            Sum sum;
            double largest = -1e30;
            for (int64_t r = 0; r < s.reduce; ++r) {
                const double v = x[(o * s.reduce + r) * s.inner + i];
                sum.add(op == ReduceOp::SumOfSquares ? v * v
                        : op == ReduceOp::Mean       ? v / double(s.reduce)
                                                     : v);
                largest = std::max(largest, v);
            }
            if (op == ReduceOp::Max)
                sum = {largest, 1};
            if (accumulate)
                sum.add(y[o * s.inner + i]);
            expected[static_cast<size_t>(o * s.inner + i)] = sum;
        }
    Buffer partials(reducePartials(s));
    const ReduceArgs args{op, x.data(), y.data(), accumulate, partials.data()};
    inPieces(reduceSplit(s).units, [&](int64_t b, int64_t e) { reduce(s, args, b, e); });
    reduceCombine(s, args);
    expectNear(y, expected,
        std::to_string(s.outer) + " " + std::to_string(s.reduce) + " " + std::to_string(s.inner));
}

TEST_P(RowKernels, reduce)
{
    const ReduceShape shapes[] = {{1, 1, 1}, {1, 200'001, 1}, {1, 3001, 64}, {1, 7, 300}, {5, 9, 1},
        {70, 257, 1}, {3, 40, 17}, {4, 1, 5}, {9, 1000, 3}, {1, 50'000, 2}, {2, 130, 513}, {1000, 4, 1},
        {2, 49, 64}};
    for (const ReduceShape& shape : shapes) {
        for (const ReduceOp op : {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::SumOfSquares})
            checkReduce(shape, op, false);
        checkReduce(shape, ReduceOp::Sum, true);
        checkReduce(shape, ReduceOp::Mean, true);
    }
}

TEST_P(RowKernels, reduceStaysExactForLongSums)
{
    const int64_t size = 4'000'000;
    Buffer x(size);
    std::fill(x.begin(), x.end(), 0.1F);
    Buffer partials(reducePartials({1, size, 1}));
    float y = 0;
    const ReduceArgs args{ReduceOp::Sum, x.data(), &y, false, partials.data()};
    reduce({1, size, 1}, args, 0, reduceSplit({1, size, 1}).units);
    reduceCombine({1, size, 1}, args);
    EXPECT_NEAR(y / (double{0.1F} * size), 1, 1e-6);
}

TEST_P(RowKernels, reduceMaxKeepsNan)
{
    Buffer x = randomBuffer(100, 1);
    x[63] = std::numeric_limits<float>::quiet_NaN();
    float y = 0;
    reduce({1, 100, 1}, {ReduceOp::Max, x.data(), &y, false, nullptr}, 0, reduceSplit({1, 100, 1}).units);
    EXPECT_TRUE(std::isnan(y));
}

std::vector<RowsShape> rowShapes()
{
    return {{1, 1}, {5, 2}, {33, 10}, {4, 16}, {7, 100}, {2, 5000}};
}

TEST_P(RowKernels, softmax)
{
    for (const RowsShape& s : rowShapes()) {
        const int64_t size = s.rows * s.cols;
        Buffer x = randomBuffer(size, 1, -30, 30);
        const Buffer dy = randomBuffer(size, 2);
        Buffer y(size);
        Buffer logY(size);
        Buffer dx(size);
        inPieces(s.rows, [&](int64_t b, int64_t e) {
            softmax(s, x.data(), y.data(), b, e);
            logSoftmax(s, x.data(), logY.data(), b, e);
            softmaxGrad(s, y.data(), dy.data(), dx.data(), b, e);
        });
        for (int64_t r = 0; r < s.rows; ++r) {
            double largest = -1e30;
            for (int64_t i = 0; i < s.cols; ++i)
                largest = std::max<double>(largest, x[r * s.cols + i]);
            double total = 0;
            for (int64_t i = 0; i < s.cols; ++i)
                total += std::exp(x[r * s.cols + i] - largest);
            double dot = 0;
            const auto exact = [&](int64_t i) { return std::exp(x[r * s.cols + i] - largest) / total; };
            for (int64_t i = 0; i < s.cols; ++i)
                dot += exact(i) * dy[r * s.cols + i];
            for (int64_t i = 0; i < s.cols; ++i) {
                const int64_t at = r * s.cols + i;
                EXPECT_NEAR(y[at], exact(i), 1e-5 * exact(i) + 1e-12);
                EXPECT_NEAR(logY[at], x[at] - largest - std::log(total), 1e-5);
                EXPECT_NEAR(dx[at], exact(i) * (dy[at] - dot), 2e-6 * exact(i) + 1e-12);
            }
        }
        const Buffer outOfPlace = y;
        softmax(s, x.data(), x.data(), 0, s.rows);
        EXPECT_TRUE(std::equal(x.begin(), x.end(), outOfPlace.begin()));
    }
}

TEST_P(RowKernels, crossEntropy)
{
    for (const RowsShape& s : rowShapes()) {
        const int64_t size = s.rows * s.cols;
        const Buffer x = randomBuffer(size, 3, -5, 5);
        const Buffer rowScale = randomBuffer(s.rows, 4);
        std::vector<int32_t> labels(static_cast<size_t>(s.rows));
        for (int64_t r = 0; r < s.rows; ++r)
            labels[static_cast<size_t>(r)] = static_cast<int32_t>((r * 7) % s.cols);
        if (s.rows > 3) {
            labels[1] = -1;
            labels[2] = static_cast<int32_t>(s.cols);
        }
        Buffer p(size);
        Buffer loss(s.rows);
        Buffer dx(size);
        inPieces(s.rows, [&](int64_t b, int64_t e) {
            crossEntropy(s, {x.data(), labels.data(), p.data(), loss.data()}, b, e);
            crossEntropyGrad(s, {p.data(), labels.data(), rowScale.data(), 0.5F, dx.data()}, b, e);
        });
        for (int64_t r = 0; r < s.rows; ++r) {
            const int32_t label = labels[static_cast<size_t>(r)];
            const bool counts = label >= 0 && label < s.cols;
            double total = 0;
            for (int64_t i = 0; i < s.cols; ++i)
                total += std::exp(double{x[r * s.cols + i]});
            EXPECT_NEAR(loss[r], counts ? std::log(total) - x[r * s.cols + label] : 0, 3e-6);
            for (int64_t i = 0; i < s.cols; ++i) {
                const double probability = std::exp(double{x[r * s.cols + i]}) / total;
                EXPECT_NEAR(p[r * s.cols + i], probability, 1e-6);
                const double grad = counts ? 0.5 * rowScale[r] * (probability - (i == label ? 1 : 0)) : 0;
                EXPECT_NEAR(dx[r * s.cols + i], grad, 1e-6);
            }
        }
    }
}

TEST(ArgmaxKernels, firstMaximum)
{
    const float x[] = {1, 3, 3, 0, -1, -2, 5, 5, 5};
    int32_t index[3] = {9, 9, 9};
    argmaxRows({3, 3}, x, index, 0, 3);
    EXPECT_EQ(index[0], 1);
    EXPECT_EQ(index[1], 0);
    EXPECT_EQ(index[2], 0);
    const int32_t labels[] = {1, 1, 0};
    EXPECT_EQ(countCorrect({3, 3}, x, labels, 0, 3), 2);
    EXPECT_EQ(countCorrect({3, 3}, x, labels, 1, 2), 0);
}

struct NormReference
{
    std::vector<double> mean, variance;
    NormReference(const BatchNormShape& s, const Buffer& x)
        : mean(static_cast<size_t>(s.c)), variance(static_cast<size_t>(s.c))
    {
        for (int64_t i = 0; i < x.size(); ++i)
            mean[static_cast<size_t>(i % s.c)] += double{x[i]} / static_cast<double>(s.rows);
        for (int64_t i = 0; i < x.size(); ++i) {
            const double d = x[i] - mean[static_cast<size_t>(i % s.c)];
            variance[static_cast<size_t>(i % s.c)] += d * d / static_cast<double>(s.rows);
        }
    }
};

void checkBatchNorm(const BatchNormShape& s, float offset, bool relu)
{
    const int64_t size = s.rows * s.c;
    const Buffer x = randomBuffer(size, 1, offset - 1, offset + 1);
    const Buffer dy = randomBuffer(size, 2);
    const Buffer gamma = randomBuffer(s.c, 3);
    const Buffer beta = randomBuffer(s.c, 4);
    const NormReference exact(s, x);
    Buffer partials(batchNormPartials(s));
    Buffer mean(s.c);
    Buffer variance(s.c);
    Buffer y(size);
    const int64_t units = batchNormUnits(s);
    inPieces(units, [&](int64_t b, int64_t e) { batchNormStats(s, x.data(), partials.data(), b, e); });
    batchNormFinish(s, partials.data(), mean.data(), variance.data());
    inPieces(units, [&](int64_t b, int64_t e) {
        Buffer scratch(2 * s.c);
        batchNormApply(s,
            {x.data(), {mean.data(), variance.data(), gamma.data(), beta.data(), 1e-3F}, relu, y.data(),
                scratch.data()},
            b, e);
    });
    std::vector<double> dgamma(static_cast<size_t>(s.c));
    std::vector<double> dbeta(static_cast<size_t>(s.c));
    const auto normalised = [&](int64_t i) {
        const auto c = static_cast<size_t>(i % s.c);
        return (x[i] - exact.mean[c]) / std::sqrt(exact.variance[c] + 1e-3);
    };
    const auto gradient = [&](int64_t i) { return relu && !(y[i] > 0) ? 0.0 : double{dy[i]}; };
    for (int64_t i = 0; i < size; ++i) {
        const double value = normalised(i) * gamma[i % s.c] + beta[i % s.c];
        ASSERT_NEAR(y[i], relu ? std::max(value, 0.0) : value, 2e-5 + 2e-6 * std::abs(offset));
        dgamma[static_cast<size_t>(i % s.c)] += gradient(i) * normalised(i);
        dbeta[static_cast<size_t>(i % s.c)] += gradient(i);
    }
    for (int64_t c = 0; c < s.c; ++c) {
        EXPECT_NEAR(mean[c], exact.mean[static_cast<size_t>(c)], 1e-6 * (1 + std::abs(offset)));
        EXPECT_NEAR(variance[c], exact.variance[static_cast<size_t>(c)], 2e-5);
    }

    Buffer dg(s.c);
    Buffer db(s.c);
    Buffer dx(size);
    std::fill(partials.begin(), partials.end(), std::numeric_limits<float>::quiet_NaN());
    BatchNormGradArgs args{x.data(), dy.data(),
        {mean.data(), variance.data(), gamma.data(), relu ? beta.data() : nullptr, 1e-3F}, relu, partials.data(),
        dg.data(), db.data(), dx.data(), nullptr};
    inPieces(units, [&](int64_t b, int64_t e) { batchNormGradSums(s, args, b, e); });
    batchNormGradFinish(s, args);
    inPieces(units, [&](int64_t b, int64_t e) {
        Buffer scratch(4 * s.c);
        args.scratch = scratch.data();
        batchNormGradApply(s, args, b, e);
    });
    const auto rows = static_cast<double>(s.rows);
    for (int64_t c = 0; c < s.c; ++c) {
        EXPECT_NEAR(dg[c], dgamma[static_cast<size_t>(c)], 1e-5 * rows * (1 + 1e-2 * std::abs(offset)));
        EXPECT_NEAR(db[c], dbeta[static_cast<size_t>(c)], 1e-5 * rows);
    }
    for (int64_t i = 0; i < size; ++i) {
        const auto c = static_cast<size_t>(i % s.c);
        const double value = gamma[i % s.c] / std::sqrt(exact.variance[c] + 1e-3) *
                             (gradient(i) - dbeta[c] / rows - normalised(i) * dgamma[c] / rows);
        ASSERT_NEAR(dx[i], value, 1e-4 * (1 + 1e-2 * std::abs(offset)));
    }
}

TEST_P(RowKernels, batchNorm)
{
    const BatchNormShape shapes[] = {{2, 1}, {33, 3}, {1000, 64}, {129, 257}, {5000, 1}, {40'000, 16},
        {64, 1570}, {20, 777}};
    for (const BatchNormShape& shape : shapes) {
        checkBatchNorm(shape, 0, false);
        checkBatchNorm(shape, 0.3F, true);
        checkBatchNorm(shape, 100, false);
    }
}

TEST_P(RowKernels, batchNormWithoutScale)
{
    const BatchNormShape s{50, 20};
    const Buffer x = randomBuffer(1000, 1);
    Buffer partials(batchNormPartials(s));
    Buffer mean(20);
    Buffer variance(20);
    Buffer y(1000);
    Buffer scratch(40);
    batchNormStats(s, x.data(), partials.data(), 0, batchNormUnits(s));
    batchNormFinish(s, partials.data(), mean.data(), variance.data());
    batchNormApply(s,
        {x.data(), {mean.data(), variance.data(), nullptr, nullptr, 0.0F}, false, y.data(), scratch.data()}, 0,
        batchNormUnits(s));
    const NormReference result(s, y);
    for (size_t c = 0; c < 20; ++c) {
        EXPECT_NEAR(result.mean[c], 0, 1e-6);
        EXPECT_NEAR(result.variance[c], 1, 1e-5);
    }
}

} // namespace
