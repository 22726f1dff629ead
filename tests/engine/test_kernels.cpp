#include "kernel_test_util.h"

using namespace gradloom::cpu;
using namespace kernel_test;

namespace {

class Kernels : public EachTarget
{
};
KERNEL_TEST_TARGETS(Kernels);

struct GemmCase
{
    int64_t m, n, k;
};

void checkGemm(const GemmCase& size, bool transposedA, bool transposedB, bool accumulate)
{
    const auto [m, n, k] = size;
    const std::string what = std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k) +
                             (transposedA ? " A^T" : "") + (transposedB ? " B^T" : "");
    // Rows are farther apart than they need be; what lies between must not be touched.
    const int64_t lda = (transposedA ? m : k) + 3; // 512 for m = 509
    const int64_t ldb = (transposedB ? k : n) + 2;
    const int64_t ldc = n + 5;
    const Buffer a = randomBuffer((transposedA ? k : m) * lda, 1);
    const Buffer b = randomBuffer((transposedB ? n : k) * ldb, 2);
    const Buffer bias = randomBuffer(n, 3);
    const Buffer start = randomBuffer(m * ldc, 4);
    Buffer c = start;
    const bool relu = accumulate;
    std::vector<Sum> expected(static_cast<size_t>(m * ldc));
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < ldc; ++j) {
            Sum& sum = expected[static_cast<size_t>(i * ldc + j)];
            if (accumulate || j >= n)
                sum.add(start[i * ldc + j]);
            if (j >= n)
                continue;
            for (int64_t q = 0; q < k; ++q)
                sum.add(double(a[transposedA ? q * lda + i : i * lda + q]) *
                        b[transposedB ? j * ldb + q : q * ldb + j]);
            sum.add(bias[j]);
            sum.value = relu ? std::max(sum.value, 0.0) : sum.value;
            if (!accumulate)
                c[i * ldc + j] = std::numeric_limits<float>::quiet_NaN();
        }

    const GemmOperand operand{k, n, ldb, transposedB};
    Buffer packed(gemmPackedSize(k, n));
    inPieces(gemmPackUnits(k, n),
        [&](int64_t begin, int64_t end) { gemmPack(operand, b.data(), packed.data(), begin, end); });
    GemmShape shape{m, n, k, lda, ldc, transposedA, accumulate};
    const auto check = [&](const float* right, const std::string& how) {
        Buffer result = c;
        const Epilogue epilogue{bias.data(), relu ? Activation::Relu : Activation::None};
        inPieces(gemmUnits(shape), [&](int64_t begin, int64_t end) {
            gemm(shape, {a.data(), right, epilogue, result.data()}, begin, end);
        });
        expectNear(result, expected, what + how);
    };
    check(packed.data(), "");
    if (!gemmReadsStored(operand))
        return;
    shape.ldb = ldb;
    check(b.data(), ", B as stored");
}

TEST_P(Kernels, gemm)
{
    const GemmCase sizes[] = {{1, 1, 1}, {1, 10, 64}, {1, 100, 3}, {7, 1, 33}, {32, 10, 64}, {5, 5, 1},
        {13, 33, 17}, {128, 64, 576}, {97, 65, 129}, {12, 32, 1030}, {200, 31, 9}, {3, 130, 5}, {6, 16, 8},
        {24, 64, 600}, {2, 2, 0}, {11, 48, 7}, {1, 257, 513}, {257, 3, 2}, {37, 304, 1100}, {509, 48, 260},
        {650, 410, 4}};
    for (const GemmCase& size : sizes)
        for (int variant = 0; variant < 8; ++variant)
            checkGemm(size, (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0);
}

TEST(KernelTargets, forcing)
{
    const std::string best = simdTarget();
    ASSERT_FALSE(simdTargets().empty());
    EXPECT_EQ(best, simdTargets().front());
    EXPECT_FALSE(forceSimdTarget("no such machine"));
    EXPECT_EQ(simdTarget(), best);
    for (const std::string& name : simdTargets()) {
        EXPECT_TRUE(forceSimdTarget(name));
        EXPECT_EQ(simdTarget(), name);
        EXPECT_GE(simdLanes(), 1);
    }
    EXPECT_TRUE(forceSimdTarget(""));
    EXPECT_EQ(simdTarget(), best);
}

} // namespace
