#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

namespace {

class PoolKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(PoolKernels);

std::vector<PoolShape> poolShapes()
{
    const auto shape = [](int64_t n, int64_t h, int64_t w, int64_t c, int64_t kernel, int64_t stride,
                           int64_t before, int64_t after) {
        return PoolShape{n, h, w, c, kernel, kernel, stride, stride, before, before, after, after};
    };
    PoolShape uneven{2, 7, 9, 5, 3, 2, 2, 1, 1, 0, 0, 1};
    return {shape(3, 26, 26, 32, 2, 2, 0, 0), shape(2, 11, 11, 64, 2, 2, 0, 0), shape(1, 2, 2, 1, 2, 2, 0, 0),
        shape(2, 7, 5, 3, 3, 2, 1, 1), shape(1, 8, 8, 257, 3, 1, 1, 1), shape(2, 9, 9, 20, 2, 3, 0, 0),
        shape(17, 6, 6, 100, 2, 2, 0, 0), shape(1, 40, 40, 2, 20, 20, 0, 0), shape(2, 5, 5, 70, 5, 1, 0, 0),
        shape(1, 5, 5, 4, 2, 2, 0, 1), uneven};
}

struct Reference
{
    std::vector<Sum> y, dx;
    std::vector<int64_t> winner;
};

/// Calls visit(input index, output index, position in the window) for the real elements of all windows.
template <class Visit>
void eachElement(const PoolShape& s, const Visit& visit)
{
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t oy = 0; oy < s.oh(); ++oy)
            for (int64_t ox = 0; ox < s.ow(); ++ox)
                for (int64_t i = 0; i < s.kh; ++i)
                    for (int64_t j = 0; j < s.kw; ++j) {
                        const int64_t y = oy * s.strideH + i - s.padTop;
                        const int64_t x = ox * s.strideW + j - s.padLeft;
                        if (y < 0 || y >= s.h || x < 0 || x >= s.w)
                            continue;
                        for (int64_t c = 0; c < s.c; ++c)
                            visit(((n * s.h + y) * s.w + x) * s.c + c,
                                ((n * s.oh() + oy) * s.ow() + ox) * s.c + c, i * s.kw + j);
                    }
}

void checkMax(const PoolShape& s, bool relu)
{
    const int64_t outputs = s.n * s.oh() * s.ow() * s.c;
    Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 1);
    for (float& v : x)
        v = std::round(v * 8); // equal values, so that the first one has to win
    const Buffer dy = randomBuffer(outputs, 2);
    Buffer y(outputs);
    std::vector<uint8_t> index(static_cast<size_t>(outputs * maxPoolIndexBytes(s)), 255);
    Buffer dx(x.size());
    inPieces(maxPoolUnits(s), [&](int64_t b, int64_t e) {
        maxPool(s, {x.data(), y.data(), index.data()}, b, e);
    });
    inPieces(maxPoolGradUnits(s), [&](int64_t b, int64_t e) {
        maxPoolGrad(s, {dy.data(), index.data(), relu ? y.data() : nullptr, dx.data()}, b, e);
    });

    std::vector<Sum> expected(static_cast<size_t>(outputs), {-1e30, 1});
    std::vector<int64_t> winner(static_cast<size_t>(outputs), -1);
    eachElement(s, [&](int64_t xi, int64_t yi, int64_t) {
        if (x[xi] > expected[static_cast<size_t>(yi)].value) {
            expected[static_cast<size_t>(yi)].value = x[xi];
            winner[static_cast<size_t>(yi)] = xi;
        }
    });
    std::vector<Sum> expectedDx(static_cast<size_t>(x.size()));
    for (int64_t i = 0; i < outputs; ++i)
        if (!relu || expected[static_cast<size_t>(i)].value > 0)
            expectedDx[static_cast<size_t>(winner[static_cast<size_t>(i)])].add(dy[i]);
    expectNear(y, expected, "max");
    expectNear(dx, expectedDx, "gradient of max");

    Buffer withoutIndex(outputs);
    maxPool(s, {x.data(), withoutIndex.data(), nullptr}, 0, maxPoolUnits(s));
    expectNear(withoutIndex, expected, "max without index");
}

TEST_P(PoolKernels, max)
{
    for (const PoolShape& shape : poolShapes()) {
        checkMax(shape, false);
        checkMax(shape, true);
    }
}

TEST_P(PoolKernels, maxKeepsNan)
{
    for (int64_t position = 0; position < 4; ++position) {
        std::vector<float> x = {1, 2, 3, 4};
        x[static_cast<size_t>(position)] = std::numeric_limits<float>::quiet_NaN();
        float y = 0;
        uint8_t index = 99;
        maxPool({1, 2, 2, 1}, {x.data(), &y, &index}, 0, 1);
        EXPECT_TRUE(std::isnan(y));
        EXPECT_EQ(index, position);
    }
}

TEST_P(PoolKernels, average)
{
    for (const PoolShape& s : poolShapes())
        for (const bool countPadding : {false, true}) {
            const int64_t outputs = s.n * s.oh() * s.ow() * s.c;
            const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 1);
            const Buffer dy = randomBuffer(outputs, 2);
            Buffer y(outputs);
            Buffer dx(x.size());
            inPieces(averagePoolUnits(s),
                [&](int64_t b, int64_t e) { averagePool(s, countPadding, x.data(), y.data(), b, e); });
            inPieces(averagePoolGradUnits(s),
                [&](int64_t b, int64_t e) { averagePoolGrad(s, countPadding, dy.data(), dx.data(), b, e); });
            std::vector<double> count(static_cast<size_t>(outputs));
            eachElement(s, [&](int64_t, int64_t yi, int64_t) { count[static_cast<size_t>(yi)] += 1; });
            std::vector<Sum> expected(static_cast<size_t>(outputs));
            std::vector<Sum> expectedDx(static_cast<size_t>(x.size()));
            eachElement(s, [&](int64_t xi, int64_t yi, int64_t) {
                const double n = countPadding ? double(s.kh * s.kw) : count[static_cast<size_t>(yi)];
                expected[static_cast<size_t>(yi)].add(x[xi] / n);
                expectedDx[static_cast<size_t>(xi)].add(dy[yi] / n);
            });
            expectNear(y, expected, "average");
            expectNear(dx, expectedDx, "gradient of average");
        }
}

TEST_P(PoolKernels, depthwise)
{
    ConvShape plain{2, 9, 8, 20, 20, 3, 3};
    plain.groups = 20;
    ConvShape same = plain;
    same.padTop = same.padLeft = same.padBottom = same.padRight = 1;
    // Rows that are shorter and longer than the tiles the kernels work in, holes and uneven padding.
    const ConvShape wide{1, 11, 10, 7, 7, 3, 2, 2, 1, 2, 3, 3, 4, 1, 2, 7};
    const ConvShape large{2, 7, 23, 37, 37, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 37};
    const ConvShape fast{1, 12, 19, 9, 9, 3, 7, 3, 2, 1, 1, 0, 3, 1, 3, 9};
    const ConvShape narrow{2, 6, 1, 5, 5, 2, 6, 1, 1, 1, 1, 1, 5, 0, 4, 5};
    const ConvShape holes{1, 9, 14, 33, 33, 2, 3, 1, 1, 3, 4, 0, 6, 2, 5, 33};
    for (const ConvShape& s : {plain, same, wide, large, fast, narrow, holes}) {
        ASSERT_TRUE(isDepthwise(s));
        const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 1);
        const Buffer w = randomBuffer(s.weightSize(), 2);
        const Buffer bias = randomBuffer(s.k, 3);
        const Buffer dy = randomBuffer(s.n * s.oh() * s.ow() * s.k, 4);
        Buffer y(dy.size());
        Buffer dx(x.size());
        Buffer dw(w.size());
        Buffer db(s.k);
        inPieces(depthwiseUnits(s), [&](int64_t b, int64_t e) {
            depthwiseForward(s, {x.data(), w.data(), {bias.data(), Activation::Relu}, y.data()}, b, e);
        });
        inPieces(depthwiseDataUnits(s), [&](int64_t b, int64_t e) {
            depthwiseBackwardData(s, {dy.data(), w.data(), dx.data()}, b, e);
        });
        inPieces(depthwiseWeightUnits(s), [&](int64_t b, int64_t e) {
            depthwiseBackwardWeights(s, {x.data(), dy.data(), dw.data(), db.data(), false}, b, e);
        });
        // The general kernels are tested against plain loops; these must agree with them.
        Buffer packed(convPackedSize(s));
        convPack(s, w.data(), packed.data(), 0, convPackUnits(s));
        Buffer packedData(convDataPackedSize(s));
        convDataPack(s, w.data(), packedData.data(), 0, convDataPackUnits(s));
        Buffer scratch(convForwardScratch(s) + convDataScratch(s) + convWeightScratch(s));
        Buffer y2(y.size());
        Buffer dx2(x.size());
        Buffer dw2(w.size());
        Buffer db2(s.k);
        convForward(s, {x.data(), packed.data(), {bias.data(), Activation::Relu}, y2.data(), scratch.data()},
            0, convForwardUnits(s));
        convBackwardData(
            s, {dy.data(), packedData.data(), {}, dx2.data(), scratch.data()}, 0, convDataUnits(s));
        const ConvWeightSplit split = convWeightSplit(s, 1);
        convBackwardWeights(s, split,
            {x.data(), dy.data(), dw2.data(), db2.data(), false, nullptr, scratch.data()}, 0, split.units());
        const auto compare = [](const Buffer& a, const Buffer& b, const char* what) {
            for (int64_t i = 0; i < a.size(); ++i)
                ASSERT_NEAR(a[i], b[i], 2e-5) << what << i;
        };
        compare(y, y2, "forward ");
        compare(dx, dx2, "data gradient ");
        compare(dw, dw2, "weight gradient ");
        compare(db, db2, "bias gradient ");
    }
}

} // namespace
