#pragma once

#include "epilogue.h"

#include <cstdint>

namespace gradloom::cpu {

// C = epilogue(op(A) * op(B) + (accumulate ? C : 0)).
//
// The loop order follows Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication"
// (2008), without packing A: the microkernel takes a pointer per row, which also makes it serve
// convolution. B is read as it is stored, or packed into column panels before.

/// Describes the right operand B before packing.
struct GemmOperand
{
    std::int64_t k = 0;      ///< rows of B, the summed dimension
    std::int64_t n = 0;      ///< columns of B
    std::int64_t ld = 0;     ///< distance of two stored rows
    bool transposed = false; ///< stored as [n, k] instead of [k, n]
};

/// Whether B need not be packed: the microkernel reads stored rows as fast, if they end with whole vectors.
bool gemmReadsStored(const GemmOperand& b);
/// Floats that packed B takes.
std::int64_t gemmPackedSize(std::int64_t k, std::int64_t n);
/// Units of packing (column panels).
std::int64_t gemmPackUnits(std::int64_t k, std::int64_t n);
/// Packs B into `packed` [gemmPackedSize].
void gemmPack(const GemmOperand& shape, const float* b, float* packed, std::int64_t begin, std::int64_t end);

/// Describes the product.
struct GemmShape
{
    std::int64_t m = 0;       ///< rows of C
    std::int64_t n = 0;       ///< columns of C
    std::int64_t k = 0;       ///< summed dimension; 0 gives epilogue(0)
    std::int64_t lda = 0;     ///< distance of two stored rows of A
    std::int64_t ldc = 0;     ///< distance of two rows of C
    bool transposedA = false; ///< A stored as [k, m] instead of [m, k]
    bool accumulate = false;  ///< add to what C holds, before bias and activation
    std::int64_t ldb = 0;     ///< distance of two rows of B as it is stored, [k, n]; 0: B is packed
};

/// Units of the product: blocks of rows times column panels. They share evenly over 2 to 16 threads
/// when there is work enough.
std::int64_t gemmUnits(const GemmShape& shape);

/// Operands of the product.
struct GemmArgs
{
    const float* a = nullptr; ///< [m, k], or [k, m] if transposedA
    const float* b = nullptr; ///< from gemmPack, or with shape.ldb [k, n]
    Epilogue epilogue;        ///< bias [n]
    float* c = nullptr;       ///< [m, n]
};

void gemm(const GemmShape& shape, const GemmArgs& args, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
