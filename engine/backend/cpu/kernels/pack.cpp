#include "pack.h"

#include "hwy_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/backend/cpu/kernels/pack.cpp"
#include <hwy/foreach_target.h>

#include "simd-inl.h"

#include <algorithm>

#ifndef GRADLOOM_PACK_TRANSPOSITION
#define GRADLOOM_PACK_TRANSPOSITION
namespace gradloom::cpu {

/// A matrix to transpose.
struct Transposition
{
    const float* from = nullptr; ///< [rows, columns]
    int64_t ldFrom = 0;          ///< distance of two of its rows
    int64_t rows = 0;
    int64_t columns = 0;
    float* to = nullptr; ///< [columns, rows]
    int64_t ldTo = 0;
};

} // namespace gradloom::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace gradloom::cpu {
namespace HWY_NAMESPACE {

void transposePart(const Transposition& t, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
    for (int64_t k = column; k < column + columns; ++k)
        for (int64_t j = row; j < row + rows; ++j)
            t.to[k * t.ldTo + j] = t.from[j * t.ldFrom + k];
}

#if HWY_TARGET != HWY_SCALAR
/// Four rows by four columns.
HWY_INLINE void transposeFour(const float* from, int64_t ldFrom, float* to, int64_t ldTo)
{
    const hn::FixedTag<float, 4> d;
    const auto r0 = hn::LoadU(d, from);
    const auto r1 = hn::LoadU(d, from + ldFrom);
    const auto r2 = hn::LoadU(d, from + 2 * ldFrom);
    const auto r3 = hn::LoadU(d, from + 3 * ldFrom);
    const auto even = hn::InterleaveLower(d, r0, r2);
    const auto odd = hn::InterleaveLower(d, r1, r3);
    const auto evenUpper = hn::InterleaveUpper(d, r0, r2);
    const auto oddUpper = hn::InterleaveUpper(d, r1, r3);
    hn::StoreU(hn::InterleaveLower(d, even, odd), d, to);
    hn::StoreU(hn::InterleaveUpper(d, even, odd), d, to + ldTo);
    hn::StoreU(hn::InterleaveLower(d, evenUpper, oddUpper), d, to + 2 * ldTo);
    hn::StoreU(hn::InterleaveUpper(d, evenUpper, oddUpper), d, to + 3 * ldTo);
}
#endif

/// Strips of 16 rows: few enough for the hardware to follow each, a whole line of the cache in the result.
void transpose(const Transposition& t)
{
    constexpr int64_t strip = 16;
    for (int64_t row = 0; row < t.rows; row += strip) {
        const int64_t rows = t.rows - row < strip ? t.rows - row : strip;
        int64_t column = 0;
#if HWY_TARGET != HWY_SCALAR
        const int64_t whole = rows / 4 * 4;
        for (; column + 4 <= t.columns; column += 4) {
            for (int64_t r = row; r < row + whole; r += 4)
                transposeFour(t.from + r * t.ldFrom + column, t.ldFrom, t.to + column * t.ldTo + r, t.ldTo);
            transposePart(t, row + whole, rows - whole, column, 4);
        }
#endif
        transposePart(t, row, rows, column, t.columns - column);
    }
}

} // namespace HWY_NAMESPACE
} // namespace gradloom::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradloom::cpu {

HWY_EXPORT(transpose);

void packPanel(const GemmOperand& shape, const float* b, int64_t firstColumn, int64_t width, float* out)
{
    const int64_t used = std::min(width, shape.n - firstColumn);
    if (shape.transposed) {
        HWY_DYNAMIC_DISPATCH(transpose)({b + firstColumn * shape.ld, shape.ld, used, shape.k, out, width});
    } else {
        constexpr int64_t piece = 4; // of a fixed size, so that no function is called for a few bytes
        const int64_t whole = used / piece * piece;
        for (int64_t k = 0; k < shape.k; ++k) {
            const float* row = b + k * shape.ld + firstColumn;
            float* to = out + k * width;
            for (int64_t j = 0; j < whole; j += piece)
                std::copy_n(row + j, piece, to + j);
            for (int64_t j = whole; j < used; ++j)
                to[j] = row[j];
        }
    }
    if (used < width)
        for (int64_t k = 0; k < shape.k; ++k)
            std::fill(out + k * width + used, out + (k + 1) * width, 0.0F);
}

} // namespace gradloom::cpu
#endif
