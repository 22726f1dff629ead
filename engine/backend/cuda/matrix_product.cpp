#include "engine/backend/cuda/functors/copy.h"
#include "engine/backend/cuda/libraries.h"
#include "engine/backend/cuda/library.h"

#include <cstdint>

namespace gradloom::cuda {

namespace {

using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

/// A matrix in column order, as cuBLASLt counts.
struct ColumnMatrix
{
    cudaDataType_t type;
    int64_t rows, columns, distance;
    int64_t batch, stride;
};

Layout layoutOf(const ColumnMatrix& matrix)
{
    cublasLtMatrixLayout_t layout = nullptr;
    check(cublasLtMatrixLayoutCreate(&layout, matrix.type, static_cast<uint64_t>(matrix.rows),
              static_cast<uint64_t>(matrix.columns), matrix.distance),
        "describing a matrix");
    Layout owner(layout);
    const auto batch = static_cast<int32_t>(matrix.batch);
    check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch),
        "describing a matrix");
    check(cublasLtMatrixLayoutSetAttribute(
              layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &matrix.stride, sizeof matrix.stride),
        "describing a matrix");
    return owner;
}

template <class T>
void setAttribute(const Description& description, cublasLtMatmulDescAttributes_t attribute, const T& value)
{
    check(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value),
        "describing a product");
}

template <class T>
void setAttribute(
    const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const T& value)
{
    check(cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value),
        "describing a product");
}

/// The largest power of two up to 256 that divides the addresses of all matrices of a batch, which lie
/// `stride` bytes apart.
uint32_t alignmentOf(const void* address, int64_t stride = 0)
{
    const uintptr_t bits = reinterpret_cast<uintptr_t>(address) | static_cast<uintptr_t>(stride);
    uint32_t alignment = 256;
    while (bits % alignment != 0)
        alignment /= 2;
    return alignment;
}

cublasLtEpilogue_t epilogueOf(const MatrixProduct& product)
{
    if (product.bias)
        return product.relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    return product.relu ? CUBLASLT_EPILOGUE_RELU : CUBLASLT_EPILOGUE_DEFAULT;
}

/// A product that cuBLASLt has chosen an algorithm for. A matrix row by row is its transpose column by
/// column, so Cᵀ = Bᵀ·Aᵀ is computed: B is the left operand.
class Product
{
public:
    Product(Preparation& p, const MatrixProduct& product)
        : m_product(product), m_blas(p.settings.libraries->blas())
    {
        m_workspace = p.settings.libraries->workspace();
        describe(p);
        const cudaDataType_t type = product.number == Number::Bf16 ? CUDA_R_16BF : CUDA_R_32F;
        const MatrixProduct& m = product;
        m_left = layoutOf({type, m.transB ? m.k : m.n, m.transB ? m.n : m.k, m.ldb, m.batch, m.strideB});
        m_right = layoutOf({type, m.transA ? m.m : m.k, m.transA ? m.k : m.m, m.lda, m.batch, m.strideA});
        m_result = layoutOf({CUDA_R_32F, m.n, m.m, m.ldc, m.batch, m.strideC});
        m_found = choose(p.settings.deterministic);
    }

    bool isPossible() const { return m_found; }

    void run(const Context& context) const
    {
        const float one = 1;
        const float zero = 0;
        check(cublasLtMatmul(m_blas, m_description.get(), &one, m_product.b, m_left.get(), m_product.a,
                  m_right.get(), &zero, m_product.c, m_result.get(), m_product.c, m_result.get(),
                  &m_algorithm, m_workspace, static_cast<size_t>(Libraries::workspaceBytes),
                  static_cast<cudaStream_t>(context.stream)),
            "multiplying matrices");
    }

private:
    void describe(const Preparation& p)
    {
        const bool tf32 =
            p.settings.precision != backend::Precision::Float32 && p.settings.libraries->hasShortFloats();
        const bool isFloat = m_product.number == Number::F32;
        cublasLtMatmulDesc_t description = nullptr;
        check(cublasLtMatmulDescCreate(&description,
                  isFloat && tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
            "describing a product");
        m_description.reset(description);
        setAttribute(
            m_description, CUBLASLT_MATMUL_DESC_TRANSA, m_product.transB ? CUBLAS_OP_T : CUBLAS_OP_N);
        setAttribute(
            m_description, CUBLASLT_MATMUL_DESC_TRANSB, m_product.transA ? CUBLAS_OP_T : CUBLAS_OP_N);
        setAttribute(m_description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogueOf(m_product));
        if (!m_product.bias)
            return;
        setAttribute(m_description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, m_product.bias);
        setAttribute(m_description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F);
    }

    /// Whether there is an algorithm.
    bool choose(bool deterministic)
    {
        cublasLtMatmulPreference_t created = nullptr;
        check(cublasLtMatmulPreferenceCreate(&created), "describing a product");
        const Preference preference(created);
        setAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
            static_cast<uint64_t>(Libraries::workspaceBytes));
        const int64_t bytes = m_product.number == Number::F32 ? 4 : 2;
        const uint32_t ofResult = alignmentOf(m_product.c, m_product.strideC * 4);
        setAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
            alignmentOf(m_product.b, m_product.strideB * bytes));
        setAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
            alignmentOf(m_product.a, m_product.strideA * bytes));
        setAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, ofResult);
        setAttribute(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, ofResult);
        // Sums that threads add to one place in any order differ from run to run.
        if (deterministic)
            setAttribute(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                static_cast<uint32_t>(
                    CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
        cublasLtMatmulHeuristicResult_t found{};
        int count = 0;
        const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(m_blas, m_description.get(),
            m_left.get(), m_right.get(), m_result.get(), m_result.get(), preference.get(), 1, &found, &count);
        if (status == CUBLAS_STATUS_NOT_SUPPORTED || (status == CUBLAS_STATUS_SUCCESS && count == 0))
            return false;
        check(status, "choosing how to multiply matrices");
        m_algorithm = found.algo;
        return true;
    }

    MatrixProduct m_product;
    cublasLtHandle_t m_blas;
    void* m_workspace = nullptr;
    Description m_description;
    Layout m_left, m_right, m_result;
    cublasLtMatmulAlgo_t m_algorithm{};
    bool m_found = false;
};

/// The product alone, then what should have been its epilogue.
Launch plainProduct(Preparation& p, const MatrixProduct& product)
{
    MatrixProduct plain = product;
    plain.bias = nullptr;
    plain.relu = false;
    auto ready = std::make_shared<Product>(p, plain);
    const bool packed = product.ldc == product.n && product.batch == 1;
    if (!ready->isPossible() || !packed)
        check(CUBLAS_STATUS_NOT_SUPPORTED, "choosing how to multiply matrices");
    return [ready, product](const Context& context) {
        ready->run(context);
        if (product.bias || product.relu)
            forEach(context, product.m * product.n,
                BiasActivation<1>{product.c, product.bias, product.c, product.n, product.relu});
    };
}

} // namespace

Launch matrixProduct(Preparation& p, const MatrixProduct& product)
{
    MatrixProduct aligned = product;
    // Biases lie where the model has them; the epilogue reads whole vectors.
    const bool copied = product.bias && alignmentOf(product.bias) < 16;
    float* bias = copied ? p.scratch(product.n) : nullptr;
    if (p.settings.libraries == nullptr) // it is asked how much memory suffices
        return [](const Context&) {};
    if (copied) // while sizes are asked for, scratch memory may be null: any aligned address stands for it
        aligned.bias = bias ? bias : static_cast<float*>(p.settings.libraries->workspace());
    auto ready = std::make_shared<Product>(p, aligned);
    if (!ready->isPossible())
        return plainProduct(p, product);
    return [ready, copied, bias, from = product.bias, bytes = product.n * 4](const Context& context) {
        if (copied)
            copyBytes(context, bias, from, bytes);
        ready->run(context);
    };
}

void zeroBytes(const Context& context, void* target, int64_t bytes)
{
    check(cudaMemsetAsync(target, 0, static_cast<size_t>(bytes), static_cast<cudaStream_t>(context.stream)),
        "clearing memory");
}

void copyBytes(const Context& context, void* target, const void* source, int64_t bytes)
{
    check(cudaMemcpyAsync(target, source, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice,
              static_cast<cudaStream_t>(context.stream)),
        "copying memory");
}

} // namespace gradloom::cuda
