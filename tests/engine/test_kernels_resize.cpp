#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

namespace {

class ResizeKernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(ResizeKernels);

/// Share of input position `in` in output position `out`, from the definition: a hat function around the
/// pixel's centre, the edge repeated; or the nearest pixel.
double shareOf(int64_t in, int64_t out, int64_t size, int64_t outSize, bool bilinear)
{
    if (!bilinear)
        return in == out * size / outSize ? 1 : 0;
    const double at =
        (static_cast<double>(out) + 0.5) * static_cast<double>(size) / static_cast<double>(outSize) - 0.5;
    const double inside = std::min(std::max(at, 0.0), static_cast<double>(size - 1));
    return std::max(0.0, 1 - std::abs(inside - static_cast<double>(in)));
}

void check(const ResizeShape& s)
{
    const Buffer x = randomBuffer(s.n * s.h * s.w * s.c, 1);
    const Buffer dy = randomBuffer(s.n * s.oh * s.ow * s.c, 2);
    Buffer y(dy.size());
    Buffer dx(x.size());
    inPieces(resizeUnits(s), [&](int64_t b, int64_t e) { resize(s, x.data(), y.data(), b, e); });
    inPieces(resizeGradUnits(s), [&](int64_t b, int64_t e) { resizeGrad(s, dy.data(), dx.data(), b, e); });
    std::vector<Sum> expected(static_cast<size_t>(y.size()));
    std::vector<Sum> expectedDx(static_cast<size_t>(x.size()));
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t oy = 0; oy < s.oh; ++oy)
            for (int64_t ox = 0; ox < s.ow; ++ox)
                for (int64_t i = 0; i < s.h; ++i)
                    for (int64_t j = 0; j < s.w; ++j) {
                        const double share =
                            shareOf(i, oy, s.h, s.oh, s.bilinear) * shareOf(j, ox, s.w, s.ow, s.bilinear);
                        for (int64_t c = 0; c < s.c && share > 0; ++c) {
                            const int64_t xi = ((n * s.h + i) * s.w + j) * s.c + c;
                            const int64_t yi = ((n * s.oh + oy) * s.ow + ox) * s.c + c;
                            expected[static_cast<size_t>(yi)].add(share * x[xi]);
                            expectedDx[static_cast<size_t>(xi)].add(share * dy[yi]);
                        }
                    }
    // The shares themselves are rounded to float.
    for (auto* sums : {&expected, &expectedDx})
        for (Sum& sum : *sums)
            sum.magnitude += 0.1;
    expectNear(y, expected, "result");
    expectNear(dx, expectedDx, "gradient");
}

TEST_P(ResizeKernels, agreeWithTheDefinition)
{
    for (const bool bilinear : {false, true})
        for (const ResizeShape& shape : {ResizeShape{2, 5, 7, 3, 10, 21, false},
                 ResizeShape{1, 1, 1, 1, 4, 3, false}, ResizeShape{2, 1, 6, 17, 5, 6, false},
                 ResizeShape{1, 9, 8, 33, 4, 3, false}, ResizeShape{3, 4, 4, 5, 7, 9, false}}) {
            ResizeShape s = shape;
            s.bilinear = bilinear;
            check(s);
        }
}

} // namespace
