#include "tests/fake_cublas/fake_cublas.h"

#include "engine/backend/cuda/functors/copy.h"
#include "tests/engine/emulated_cuda.h"

#include <cublasLt.h>

#include <algorithm>
#include <cstring>

namespace gradloom::tests {

FakeCublas& fakeCublas()
{
    static FakeCublas fake;
    return fake;
}

namespace {

struct Matrix
{
    cudaDataType type;
    int64_t rows, columns, distance;
    int32_t batch = 1;
    int64_t stride = 0;

    /// Column by column.
    int64_t at(int64_t matrix, int64_t row, int64_t column) const
    {
        return matrix * stride + column * distance + row;
    }
    float get(const void* from, int64_t i) const
    {
        return type == CUDA_R_32F ? static_cast<const float*>(from)[i]
                                  : cuda::fromBf16(static_cast<const cuda::Bf16*>(from)[i]);
    }
};

struct Description
{
    cublasComputeType_t compute;
    int32_t transA = CUBLAS_OP_N, transB = CUBLAS_OP_N;
    int32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const float* bias = nullptr;
    int32_t biasType = CUDA_R_32F;

    bool adds() const
    {
        return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
    }
    bool rectifies() const
    {
        return epilogue == CUBLASLT_EPILOGUE_RELU || epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
    }
};

struct Preference
{
    uint64_t workspace = 0;
    uint32_t alignment[4] = {256, 256, 256, 256}; ///< of A, B, C, D
};

/// What is remembered of the choice.
struct Algorithm
{
    uint64_t workspace;
    uint32_t alignment[4];
};
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t));

template <class T, class Opaque>
T& of(Opaque* opaque)
{
    return *reinterpret_cast<T*>(opaque);
}

template <class T, class Opaque>
const T& of(const Opaque* opaque)
{
    return *reinterpret_cast<const T*>(opaque);
}

cublasStatus_t refuse(const char* reason)
{
    fakeCublas().complaints.push_back(reason);
    return CUBLAS_STATUS_INVALID_VALUE;
}

bool isAlignedTo(const void* address, uint32_t alignment)
{
    return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

/// Takes an attribute of this size.
template <class T>
cublasStatus_t take(T& to, const void* from, size_t bytes)
{
    if (bytes != sizeof to)
        return refuse("an attribute has another size");
    std::memcpy(&to, from, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

const char* problemOf(
    const Description& d, const Matrix& a, const Matrix& b, const Matrix& c, const Matrix& result)
{
    const int64_t m = d.transA == CUBLAS_OP_N ? a.rows : a.columns;
    const int64_t k = d.transA == CUBLAS_OP_N ? a.columns : a.rows;
    const int64_t n = d.transB == CUBLAS_OP_N ? b.columns : b.rows;
    if ((d.transB == CUBLAS_OP_N ? b.rows : b.columns) != k || c.rows != m || c.columns != n)
        return "matrices do not fit each other";
    for (const Matrix* one : {&a, &b, &c})
        if (one->distance < one->rows || one->batch != a.batch || (one->batch > 1 && one->stride < 1))
            return "columns or matrices of a batch overlap";
    if (a.type != b.type || c.type != CUDA_R_32F || result.type != c.type || result.stride != c.stride)
        return "number formats do not go together";
    if (d.compute != CUBLAS_COMPUTE_32F &&
        (d.compute != CUBLAS_COMPUTE_32F_FAST_TF32 || a.type != CUDA_R_32F))
        return "only float32 can be rounded to TF32";
    if (d.adds() && (!d.bias || !isAlignedTo(d.bias, 16) || d.biasType != CUDA_R_32F || a.batch > 1))
        return "the bias cannot be read";
    return nullptr;
}

void multiply(const Description& d, const Matrix& a, const void* from, const Matrix& b, const void* by,
    const Matrix& c, float* to)
{
    const int64_t terms = d.transA == CUBLAS_OP_N ? a.columns : a.rows;
    for (int32_t matrix = 0; matrix < c.batch; ++matrix)
        for (int64_t column = 0; column < c.columns; ++column)
            for (int64_t row = 0; row < c.rows; ++row) {
                double sum = d.adds() ? d.bias[row] : 0;
                for (int64_t k = 0; k < terms; ++k)
                    sum += static_cast<double>(a.get(
                               from, d.transA == CUBLAS_OP_N ? a.at(matrix, row, k) : a.at(matrix, k, row))) *
                           b.get(by,
                               d.transB == CUBLAS_OP_N ? b.at(matrix, k, column) : b.at(matrix, column, k));
                to[c.at(matrix, row, column)] = static_cast<float>(d.rectifies() ? std::max(sum, 0.0) : sum);
            }
}

} // namespace
} // namespace gradloom::tests

using namespace gradloom::tests;

cublasStatus_t cublasLtMatrixLayoutCreate(
    cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows, uint64_t columns, int64_t distance)
{
    *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
        new Matrix{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), distance});
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    delete &of<Matrix>(layout);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(
    cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, const void* from, size_t bytes)
{
    if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
        return take(of<Matrix>(layout).batch, from, bytes);
    if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
        return take(of<Matrix>(layout).stride, from, bytes);
    return refuse("an attribute is not known here");
}

cublasStatus_t cublasLtMatmulDescCreate(
    cublasLtMatmulDesc_t* description, cublasComputeType_t compute, cudaDataType_t scale)
{
    if (scale != CUDA_R_32F)
        return refuse("factors are float32");
    *description = reinterpret_cast<cublasLtMatmulDesc_t>(new Description{compute});
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description)
{
    delete &of<Description>(description);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
    cublasLtMatmulDescAttributes_t attribute, const void* from, size_t bytes)
{
    auto& d = of<Description>(description);
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
        return take(d.transA, from, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
        return take(d.transB, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
        return take(d.epilogue, from, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
        return take(d.bias, from, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
        return take(d.biasType, from, bytes);
    default:
        return refuse("an attribute is not known here");
    }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference)
{
    *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    delete &of<Preference>(preference);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
    cublasLtMatmulPreferenceAttributes_t attribute, const void* from, size_t bytes)
{
    auto& p = of<Preference>(preference);
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
        return take(p.workspace, from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
        return take(p.alignment[0], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
        return take(p.alignment[1], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
        return take(p.alignment[2], from, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
        return take(p.alignment[3], from, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
        return bytes == 4 ? CUBLAS_STATUS_SUCCESS : refuse("an attribute has another size");
    default:
        return refuse("an attribute is not known here");
    }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
    cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
    cublasLtMatrixLayout_t result, cublasLtMatmulPreference_t preference, int wanted,
    cublasLtMatmulHeuristicResult_t* found, int* count)
{
    const auto& d = of<Description>(description);
    if (const char* problem = problemOf(d, of<Matrix>(a), of<Matrix>(b), of<Matrix>(c), of<Matrix>(result)))
        return refuse(problem);
    *count = 0;
    if (fakeCublas().withoutProducts ||
        (fakeCublas().withoutEpilogues && d.epilogue != CUBLASLT_EPILOGUE_DEFAULT))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    if (wanted < 1)
        return refuse("nothing is wanted");
    const auto& p = of<Preference>(preference);
    Algorithm algorithm{p.workspace, {}};
    std::copy(std::begin(p.alignment), std::end(p.alignment), algorithm.alignment);
    std::memcpy(&found->algo, &algorithm, sizeof algorithm);
    found->state = CUBLAS_STATUS_SUCCESS;
    *count = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
    const void* from, cublasLtMatrixLayout_t a, const void* by, cublasLtMatrixLayout_t b, const void* beta,
    const void* before, cublasLtMatrixLayout_t c, void* to, cublasLtMatrixLayout_t result,
    const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspaceBytes, cudaStream_t stream)
{
    const auto& d = of<Description>(description);
    if (problemOf(d, of<Matrix>(a), of<Matrix>(b), of<Matrix>(c), of<Matrix>(result)) || before != to ||
        *static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
        return refuse("a product is other than what an algorithm was chosen for");
    Algorithm algorithm{};
    std::memcpy(&algorithm, algo, sizeof algorithm);
    const void* addresses[] = {from, by, before, to};
    for (int i = 0; i < 4; ++i)
        if (!isAlignedTo(addresses[i], algorithm.alignment[i]))
            return refuse("memory is less aligned than was said");
    if (workspaceBytes < algorithm.workspace || !isAlignedTo(workspace, 256))
        return refuse("the workspace is too small");
    fakeCublas().epilogues.push_back(d.epilogue);
    sendToStream(
        stream, [d, from, by, to, left = of<Matrix>(a), right = of<Matrix>(b), into = of<Matrix>(c)] {
            multiply(d, left, from, right, by, into, static_cast<float*>(to));
        });
    return CUBLAS_STATUS_SUCCESS;
}
