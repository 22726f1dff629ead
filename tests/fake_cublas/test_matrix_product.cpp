#include "engine/backend/cuda/functors/copy.h"
#include "engine/backend/cuda/libraries.h"
#include "engine/backend/cuda/library.h"
#include "engine/base/philox.h"
#include "tests/fake_cublas/fake_cublas.h"
#include "tests/fake_cudart/fake_cudart.h"

#include <gtest/gtest.h>

/// How products are handed to cuBLASLt: row by row in memory, where it counts by columns.
namespace gradloom::tests {
namespace {

using cuda::MatrixProduct;

class CublasProducts : public testing::Test
{
protected:
    void SetUp() override { fakeCublas() = {}; }

    /// Address `offset` numbers behind a multiple of 256 bytes, with random numbers behind it.
    float* numbers(int64_t count, int64_t offset)
    {
        m_memory.emplace_back(cuda::Block::Where::Device, (count + offset) * 4);
        auto* at = reinterpret_cast<float*>(m_memory.back().data()) + offset;
        for (int64_t i = 0; i < count; ++i)
            at[i] = m_random.uniform(-1, 1);
        return at;
    }

    cuda::Bf16* shortNumbers(int64_t count)
    {
        const float* from = numbers(count, 0);
        m_memory.emplace_back(cuda::Block::Where::Device, count * 2);
        auto* to = reinterpret_cast<cuda::Bf16*>(m_memory.back().data());
        std::transform(from, from + count, to, cuda::toBf16);
        return to;
    }

    /// m×k times k×n, packed, each stored as it is said.
    MatrixProduct product(bool transA, bool transB, int64_t batch = 1)
    {
        MatrixProduct p;
        p.m = 5;
        p.n = 7;
        p.k = 3;
        p.transA = transA;
        p.transB = transB;
        p.lda = transA ? p.m : p.k;
        p.ldb = transB ? p.k : p.n;
        p.ldc = p.n;
        p.batch = batch;
        p.strideA = p.m * p.k;
        p.strideB = p.k * p.n;
        p.strideC = p.m * p.n;
        p.a = numbers(batch * p.strideA, 1);
        p.b = numbers(batch * p.strideB, 2);
        p.c = numbers(batch * p.strideC, 3);
        return p;
    }

    static float numberAt(const MatrixProduct& p, const void* from, int64_t i)
    {
        return p.number == cuda::Number::F32 ? static_cast<const float*>(from)[i]
                                             : cuda::fromBf16(static_cast<const cuda::Bf16*>(from)[i]);
    }

    static float expectedAt(const MatrixProduct& p, int64_t matrix, int64_t row, int64_t column)
    {
        double sum = p.bias ? p.bias[column] : 0;
        for (int64_t k = 0; k < p.k; ++k)
            sum +=
                static_cast<double>(
                    numberAt(p, p.a, matrix * p.strideA + (p.transA ? k * p.lda + row : row * p.lda + k))) *
                numberAt(p, p.b, matrix * p.strideB + (p.transB ? column * p.ldb + k : k * p.ldb + column));
        return static_cast<float>(p.relu && sum < 0 ? 0 : sum);
    }

    /// Computes it, first asking for sizes, and compares.
    void check(const MatrixProduct& p, backend::Precision precision = backend::Precision::Float32)
    {
        const cuda::Stream stream = cuda::makeStream();
        cuda::Libraries libraries(80, stream.get());
        cuda::Settings settings;
        settings.precision = precision;
        settings.libraries = &libraries;
        cuda::StepMemory memory;
        cuda::Preparation sizes(m_plan, m_op, settings, memory);
        cuda::matrixProduct(sizes, p);
        m_memory.emplace_back(cuda::Block::Where::Device, sizes.scratchBytes());
        memory.scratch = m_memory.back().data();
        cuda::Preparation preparation(m_plan, m_op, settings, memory);
        cuda::matrixProduct(preparation, p)({stream.get()});
        cuda::check(cudaStreamSynchronize(stream.get()), "testing");
        for (int64_t matrix = 0; matrix < p.batch; ++matrix)
            for (int64_t row = 0; row < p.m; ++row)
                for (int64_t column = 0; column < p.n; ++column)
                    EXPECT_NEAR(p.c[matrix * p.strideC + row * p.ldc + column],
                        expectedAt(p, matrix, row, column), 1e-5)
                        << "matrix " << matrix << " row " << row << " column " << column;
        EXPECT_TRUE(fakeCublas().complaints.empty()) << fakeCublas().complaints.front();
    }

    FreshCudart m_cudart;
    Random m_random{4};
    std::vector<cuda::Block> m_memory;
    compile::Plan m_plan;
    ir::Op m_op;
};

TEST_F(CublasProducts, TakeEitherOrderOfBothOperands)
{
    for (const bool transA : {false, true})
        for (const bool transB : {false, true}) {
            check(product(transA, transB));
            check(product(transA, transB, 4));
        }
}

TEST_F(CublasProducts, TakeRowsThatLieApart)
{
    MatrixProduct p = product(false, true);
    p.lda = 6;
    p.ldb = 4;
    p.ldc = 9;
    p.a = numbers(p.m * p.lda, 0);
    p.b = numbers(p.n * p.ldb, 0);
    p.c = numbers(p.m * p.ldc, 0);
    check(p);
}

TEST_F(CublasProducts, AddBiasAndRectifyOnTheWay)
{
    for (const bool relu : {false, true})
        for (const int64_t offset : {0, 1}) { // a bias that begins anywhere is copied
            MatrixProduct p = product(false, false);
            p.bias = numbers(p.n, offset);
            p.relu = relu;
            check(p);
        }
    EXPECT_EQ(fakeCublas().epilogues, (std::vector<int>{CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_BIAS,
                                          CUBLASLT_EPILOGUE_RELU_BIAS, CUBLASLT_EPILOGUE_RELU_BIAS}));
}

TEST_F(CublasProducts, AddBiasAndRectifyBehindWhereTheLibraryCannot)
{
    fakeCublas().withoutEpilogues = true;
    for (const bool bias : {true, false}) {
        MatrixProduct p = product(true, false);
        p.bias = bias ? numbers(p.n, 1) : nullptr;
        p.relu = true;
        check(p);
    }
    EXPECT_EQ(fakeCublas().epilogues, std::vector<int>(2, CUBLASLT_EPILOGUE_DEFAULT));
    fakeCublas().withoutProducts = true;
    EXPECT_THROW(check(product(false, false)), backend::DeviceFailure);
}

TEST_F(CublasProducts, ComputeInEveryPrecision)
{
    check(product(false, false), backend::Precision::Tf32);
    MatrixProduct p = product(false, true);
    p.number = cuda::Number::Bf16;
    p.a = shortNumbers(p.m * p.k);
    p.b = shortNumbers(p.n * p.k);
    check(p, backend::Precision::Bf16);
}

} // namespace
} // namespace gradloom::tests
