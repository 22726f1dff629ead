#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

namespace {

class ConvKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(ConvKernels);

struct Case
{
    const char* name;
    ConvShape shape;
};

ConvShape square(int64_t n, int64_t size, int64_t c, int64_t k, int64_t kernel)
{
    ConvShape s;
    s.n = n;
    s.h = s.w = size;
    s.c = c;
    s.k = k;
    s.kh = s.kw = kernel;
    return s;
}

ConvShape padded(ConvShape s, int64_t top, int64_t left, int64_t bottom, int64_t right)
{
    s.padTop = top;
    s.padLeft = left;
    s.padBottom = bottom;
    s.padRight = right;
    return s;
}

ConvShape strided(ConvShape s, int64_t stride)
{
    s.strideH = s.strideW = stride;
    return s;
}

ConvShape dilated(ConvShape s, int64_t dilation)
{
    s.dilationH = s.dilationW = dilation;
    return s;
}

ConvShape grouped(ConvShape s, int64_t groups)
{
    s.groups = groups;
    return s;
}

ConvShape shaped(ConvShape s, int64_t h, int64_t w, int64_t kh, int64_t kw)
{
    s.h = h;
    s.w = w;
    s.kh = kh;
    s.kw = kw;
    return s;
}

std::vector<Case> directCases()
{
    const ConvShape uneven = shaped(square(2, 0, 5, 7, 0), 9, 6, 3, 2);
    return {
        {"single value", square(1, 1, 1, 1, 1)},
        {"pointwise", square(2, 5, 3, 4, 1)},
        {"one channel", square(3, 12, 1, 32, 3)},
        {"three channels", square(2, 9, 3, 16, 3)},
        {"W1 second", square(3, 13, 32, 64, 3)},
        {"W1 third", square(7, 5, 64, 64, 3)},
        {"257 channels", square(1, 4, 257, 10, 3)},
        {"257 filters", square(1, 4, 6, 257, 2)},
        {"one filter", square(2, 8, 64, 1, 3)},
        {"kernel as large as image", square(4, 6, 4, 9, 6)},
        {"large kernel", square(1, 20, 1, 3, 17)},
        {"width 1", shaped(square(2, 0, 4, 5, 0), 11, 1, 3, 1)},
        {"height 1", shaped(square(2, 0, 4, 5, 0), 1, 40, 1, 5)},
        {"uneven kernel", uneven},
        {"same", padded(square(2, 8, 16, 33, 3), 1, 1, 1, 1)},
        {"same, many rows", padded(square(1, 40, 8, 16, 3), 1, 1, 1, 1)},
        {"same, small images", padded(square(9, 3, 12, 20, 3), 1, 1, 1, 1)},
        {"same, one channel", padded(square(2, 10, 1, 8, 5), 2, 2, 2, 2)},
        {"uneven padding", padded(uneven, 2, 0, 1, 3)},
        {"padding beyond the kernel", padded(square(1, 4, 3, 5, 2), 3, 3, 3, 3)},
        {"stride 2", strided(square(2, 11, 6, 20, 3), 2)},
        {"stride 2 same", padded(strided(square(2, 12, 16, 17, 3), 2), 0, 0, 1, 1)},
        {"stride larger than kernel", strided(square(2, 11, 5, 6, 2), 4)},
        {"GAN 4x4 stride 2", padded(strided(square(2, 14, 64, 128, 4), 2), 1, 1, 1, 1)},
        {"GAN to one channel", padded(strided(square(3, 28, 1, 64, 4), 2), 1, 1, 1, 1)},
        {"narrow, many rows", padded(strided(square(1, 70, 2, 8, 3), 1), 0, 0, 0, 0)},
        {"dilation 2", dilated(square(2, 9, 4, 18, 3), 2)},
        {"dilation 3 same", padded(dilated(square(1, 13, 20, 8, 3), 3), 3, 3, 3, 3)},
        {"two groups", grouped(square(2, 7, 8, 12, 3), 2)},
        {"four groups same", padded(grouped(square(2, 6, 64, 80, 3), 4), 1, 1, 1, 1)},
        {"depthwise", padded(grouped(square(2, 7, 19, 19, 3), 19), 1, 1, 1, 1)},
        {"depthwise, multiplier 2, stride 2", strided(grouped(square(2, 9, 5, 10, 3), 5), 2)},
        {"tall image, one in the batch", square(1, 50, 16, 16, 3)},
    };
}

/// The cases, and once more with Winograd's algorithm what it can compute.
std::vector<Case> cases()
{
    std::vector<Case> all = directCases();
    const std::vector<Case> winogradOnly{
        {"several blocks of tiles", padded(square(3, 30, 8, 8, 3), 1, 1, 1, 1)},
        {"wide image in bands", padded(shaped(square(1, 0, 5, 3, 3), 40, 9, 3, 3), 2, 0, 1, 2)},
        {"one image, one tile", square(1, 3, 2, 2, 3)},
        {"large and small tiles both ways", padded(shaped(square(5, 0, 6, 7, 0), 13, 7, 3, 3), 1, 1, 1, 1)},
        {"tiles of 3 and 2", square(4, 7, 5, 6, 3)},
        {"large and small tiles, stride 2",
            padded(strided(shaped(square(3, 0, 5, 9, 0), 27, 14, 4, 4), 2), 1, 1, 1, 1)},
        {"stride 2, 3x3, in bands", padded(strided(square(1, 60, 3, 20, 3), 2), 1, 0, 0, 1)},
        {"stride 2, 4x4, uneven", padded(strided(square(2, 13, 9, 5, 4), 2), 2, 1, 0, 1)},
        {"stride 2, unused last row", strided(square(1, 10, 4, 4, 3), 2)},
        {"kernel beyond a narrow image", padded(shaped(square(2, 0, 17, 18, 3), 7, 1, 3, 3), 0, 1, 0, 1)},
    };
    all.insert(all.end(), winogradOnly.begin(), winogradOnly.end());
    forceConvAlgorithm(ConvAlgorithm::Winograd);
    for (size_t i = 0, count = all.size(); i < count; ++i)
        if (prefersWinograd(all[i].shape)) {
            all.push_back(all[i]);
            all.back().shape.winograd = true;
        }
    forceConvAlgorithm(ConvAlgorithm::Automatic);
    return all;
}

std::string nameOf(const Case& test)
{
    return std::string(test.name) + (test.shape.winograd ? ", Winograd" : "");
}

ErrorScale scaleOf(const ConvShape& s)
{
    return s.winograd ? ErrorScale::Largest : ErrorScale::Own;
}

/// Calls visit(x index, w index, y index) for each product of the convolution.
template <class Visit>
void eachProduct(const ConvShape& s, const Visit& visit)
{
    const int64_t oh = s.oh();
    const int64_t ow = s.ow();
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t oy = 0; oy < oh; ++oy)
            for (int64_t ox = 0; ox < ow; ++ox)
                for (int64_t i = 0; i < s.kh; ++i)
                    for (int64_t j = 0; j < s.kw; ++j) {
                        const int64_t y = oy * s.strideH + i * s.dilationH - s.padTop;
                        const int64_t x = ox * s.strideW + j * s.dilationW - s.padLeft;
                        if (y < 0 || y >= s.h || x < 0 || x >= s.w)
                            continue;
                        for (int64_t k = 0; k < s.k; ++k)
                            for (int64_t c = 0; c < s.groupC(); ++c)
                                visit(((n * s.h + y) * s.w + x) * s.c + k / s.groupK() * s.groupC() + c,
                                    ((i * s.kw + j) * s.groupC() + c) * s.k + k,
                                    ((n * oh + oy) * ow + ox) * s.k + k);
                    }
}

int64_t outputSize(const ConvShape& s)
{
    return s.n * s.oh() * s.ow() * s.k;
}

double activated(double v, const Epilogue& epilogue)
{
    if (epilogue.activation == Activation::None || v > 0)
        return v;
    return epilogue.activation == Activation::Relu ? 0 : epilogue.slope * v;
}

void applyEpilogue(std::vector<Sum>& sums, const Epilogue& epilogue, int64_t channels)
{
    for (size_t i = 0; i < sums.size(); ++i) {
        if (epilogue.bias != nullptr)
            sums[i].add(epilogue.bias[static_cast<int64_t>(i) % channels]);
        sums[i].value = activated(sums[i].value, epilogue);
    }
}

Buffer packForward(const ConvShape& s, const Buffer& w)
{
    Buffer packed(convPackedSize(s));
    inPieces(convPackUnits(s), [&](int64_t b, int64_t e) { convPack(s, w.data(), packed.data(), b, e); });
    return packed;
}

TEST_P(ConvKernels, forward)
{
    for (const Case& test : cases()) {
        const ConvShape& s = test.shape;
        const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 1);
        const Buffer w = randomBuffer(s.weightSize(), 2);
        const Buffer bias = randomBuffer(s.k, 3);
        const Buffer packed = packForward(s, w);
        std::vector<Sum> products(static_cast<size_t>(outputSize(s)));
        eachProduct(s, [&](int64_t xi, int64_t wi, int64_t yi) {
            products[static_cast<size_t>(yi)].add(double(x[xi]) * w[wi]);
        });
        const Epilogue epilogues[] = {
            {}, {bias.data()}, {nullptr, Activation::LeakyRelu, 0.25F}, {bias.data(), Activation::Relu}};
        for (const Epilogue& epilogue : epilogues) {
            std::vector<Sum> expected = products;
            applyEpilogue(expected, epilogue, s.k);
            Buffer y(outputSize(s));
            inPieces(convForwardUnits(s), [&](int64_t b, int64_t e) {
                Buffer scratch(convForwardScratch(s));
                convForward(s, {x.data(), packed.data(), epilogue, y.data(), scratch.data()}, b, e);
            });
            expectNear(y, expected, nameOf(test), scaleOf(s));
        }
    }
}

/// Statistics of the pixels of each filter, which the convolution takes, against those of what it has written.
void expectStatistics(const ConvShape& s, const Buffer& y, const Buffer& moments, const std::string& name)
{
    Buffer mean(s.k);
    Buffer variance(s.k);
    joinMoments(s.k, convForwardUnits(s), moments.data(), mean.data(), variance.data());
    const int64_t rows = outputSize(s) / s.k;
    for (int64_t filter = 0; filter < s.k; ++filter) {
        double exactMean = 0;
        double exactVariance = 0;
        for (int64_t r = 0; r < rows; ++r)
            exactMean += double{y[r * s.k + filter]} / static_cast<double>(rows);
        for (int64_t r = 0; r < rows; ++r)
            exactVariance += std::pow(y[r * s.k + filter] - exactMean, 2) / static_cast<double>(rows);
        ASSERT_NEAR(mean[filter], exactMean, 1e-6 * (1 + std::abs(exactMean))) << name;
        ASSERT_NEAR(variance[filter], exactVariance, 2e-4 * exactVariance + 1e-12) << name;
    }
}

TEST_P(ConvKernels, statistics)
{
    for (const Case& test : cases()) {
        const ConvShape& s = test.shape;
        const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 1);
        const Buffer packed = packForward(s, randomBuffer(s.weightSize(), 2));
        // A mean of 1000 beside a deviation of about 1 leaves no digits to a sum of squares.
        const Buffer far = randomBuffer(s.k, 3, 999, 1001);
        for (const float* bias : {static_cast<const float*>(nullptr), far.data()}) {
            Buffer y(outputSize(s));
            Buffer moments(convForwardUnits(s) * momentsSize(s.k));
            inPieces(convForwardUnits(s), [&](int64_t b, int64_t e) {
                Buffer scratch(convForwardScratch(s));
                convForward(
                    s, {x.data(), packed.data(), {bias}, y.data(), scratch.data(), moments.data()}, b, e);
            });
            expectStatistics(s, y, moments, nameOf(test));
        }
    }
}

TEST_P(ConvKernels, backwardData)
{
    for (const Case& test : cases()) {
        const ConvShape& s = test.shape;
        const Buffer dy = randomBuffer(outputSize(s), 4);
        const Buffer w = randomBuffer(s.weightSize(), 5);
        const Buffer bias = randomBuffer(s.c, 6);
        Buffer packed(convDataPackedSize(s));
        inPieces(convDataPackUnits(s),
            [&](int64_t b, int64_t e) { convDataPack(s, w.data(), packed.data(), b, e); });
        std::vector<Sum> products(static_cast<size_t>(s.n * s.h * s.w * s.c));
        eachProduct(s, [&](int64_t xi, int64_t wi, int64_t yi) {
            products[static_cast<size_t>(xi)].add(double(dy[yi]) * w[wi]);
        });
        const Epilogue epilogues[] = {{}, {bias.data(), Activation::LeakyRelu, 0.2F}};
        for (const Epilogue& epilogue : epilogues) {
            std::vector<Sum> expected = products;
            applyEpilogue(expected, epilogue, s.c);
            Buffer dx(s.n * s.h * s.w * s.c);
            inPieces(convDataUnits(s), [&](int64_t b, int64_t e) {
                Buffer scratch(convDataScratch(s));
                convBackwardData(s, {dy.data(), packed.data(), epilogue, dx.data(), scratch.data()}, b, e);
            });
            expectNear(dx, expected, nameOf(test), scaleOf(s));
        }
    }
}

void checkWeights(const Case& test, int threads, bool accumulate, bool wantBias)
{
    const ConvShape& s = test.shape;
    const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 7);
    const Buffer dy = randomBuffer(outputSize(s), 8);
    Buffer dw = accumulate ? randomBuffer(s.weightSize(), 9) : Buffer(s.weightSize());
    Buffer db = accumulate ? randomBuffer(s.k, 10) : Buffer(s.k);
    std::vector<Sum> expectedW(static_cast<size_t>(s.weightSize()));
    std::vector<Sum> expectedB(static_cast<size_t>(s.k));
    for (int64_t i = 0; accumulate && i < dw.size(); ++i)
        expectedW[static_cast<size_t>(i)].add(dw[i]);
    for (int64_t i = 0; accumulate && i < db.size(); ++i)
        expectedB[static_cast<size_t>(i)].add(db[i]);
    eachProduct(s, [&](int64_t xi, int64_t wi, int64_t yi) {
        expectedW[static_cast<size_t>(wi)].add(double(x[xi]) * dy[yi]);
    });
    for (int64_t i = 0; i < dy.size(); ++i)
        expectedB[static_cast<size_t>(i % s.k)].add(dy[i]);

    const ConvWeightSplit split = convWeightSplit(s, threads);
    Buffer partials(convWeightPartials(s, split));
    ConvWeightArgs args{
        x.data(), dy.data(), dw.data(), wantBias ? db.data() : nullptr, accumulate, partials.data()};
    inPieces(split.units(), [&](int64_t b, int64_t e) {
        Buffer scratch(convWeightScratch(s));
        args.scratch = scratch.data();
        convBackwardWeights(s, split, args, b, e);
    });
    inPieces(
        convReduceUnits(s, split), [&](int64_t b, int64_t e) { convReduceWeights(s, split, args, b, e); });
    expectNear(dw, expectedW, nameOf(test), scaleOf(s));
    if (wantBias)
        expectNear(db, expectedB, nameOf(test), scaleOf(s));
}

/// Both gradients at once against the sums of products.
void checkJoined(const Case& test, int threads)
{
    const ConvShape& s = test.shape;
    const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 7);
    const Buffer dy = randomBuffer(outputSize(s), 8);
    const Buffer w = randomBuffer(s.weightSize(), 9);
    std::vector<Sum> expectedX(static_cast<size_t>(x.size()));
    std::vector<Sum> expectedW(static_cast<size_t>(s.weightSize()));
    std::vector<Sum> expectedB(static_cast<size_t>(s.k));
    eachProduct(s, [&](int64_t xi, int64_t wi, int64_t yi) {
        expectedX[static_cast<size_t>(xi)].add(double(dy[yi]) * w[wi]);
        expectedW[static_cast<size_t>(wi)].add(double(x[xi]) * dy[yi]);
    });
    for (int64_t i = 0; i < dy.size(); ++i)
        expectedB[static_cast<size_t>(i % s.k)].add(dy[i]);
    Buffer packed(winogradDataPackedSize(s));
    inPieces(winogradDataPackUnits(s),
        [&](int64_t b, int64_t e) { winogradDataPack(s, w.data(), packed.data(), b, e); });
    const ConvWeightSplit split{std::min<int64_t>(threads, s.n), 1};
    Buffer partials(winogradWeightPartials(s, split));
    Buffer dx(x.size());
    inPieces(split.parts, [&](int64_t b, int64_t e) {
        Buffer scratch(winogradGradientsScratch(s));
        winogradGradients(
            s, split, {x.data(), dy.data(), packed.data(), dx.data(), partials.data(), scratch.data()}, b, e);
    });
    Buffer dw(s.weightSize());
    Buffer db(s.k);
    const ConvWeightArgs reduced{nullptr, nullptr, dw.data(), db.data(), false, partials.data()};
    inPieces(winogradReduceUnits(s), [&](int64_t b, int64_t e) { winogradReduceWeights(s, split, reduced, b, e); });
    expectNear(dx, expectedX, nameOf(test), scaleOf(s));
    expectNear(dw, expectedW, nameOf(test), scaleOf(s));
    expectNear(db, expectedB, nameOf(test), scaleOf(s));
}

TEST_P(ConvKernels, bothGradients)
{
    for (const Case& test : cases())
        if (test.shape.winograd)
            for (const int threads : {1, 2, 3})
                checkJoined(test, threads);
}

TEST_P(ConvKernels, backwardWeights)
{
    for (const Case& test : cases()) {
        checkWeights(test, 1, false, true);
        checkWeights(test, 2, true, true);
        checkWeights(test, 5, false, false);
    }
}

} // namespace
