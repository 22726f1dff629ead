#pragma once

#include "epilogue.h"

#include <cstdint>

namespace gradloom::cpu {

// The microkernel family behind gemm and all convolutions. It keeps a tile of `rows` x `width` sums in
// registers and adds, for each k, the product of one value per row with one row of B:
//
//   sum[r][j] = over k: rows[r][offset(k)] * b[k * ldb + j]
//
// offset(k) is either linear in segments (rows of a matrix, windows of an image) or read from a table
// (short windows, dilation, the pixels in a weight gradient).

inline constexpr int maxTileRows = 12;

/// One call: any number of rows times one column panel.
struct TileCall
{
    const float* const* rows = nullptr; ///< pointer to the value k = 0 of each row
    int64_t rowCount = 0;

    const int64_t* table = nullptr; ///< offset of each k; null for segments
    int64_t tableSize = 0;

    const int64_t* segmentOffsets = nullptr; ///< where each segment starts, relative to the row pointers
    int64_t segmentCount = 0;
    int64_t segmentLength = 0; ///< values of k in each segment
    int64_t step = 1;          ///< distance of two neighbouring k within a segment

    const float* b = nullptr;
    int64_t ldb = 0;
    /// 1 .. width of the panel. Rows of B must be readable for tilePanelColumns(columns) values.
    int64_t columns = 0;

    float* c = nullptr; ///< [rowCount, columns] with row distance ldc
    int64_t ldc = 0;
    /// One pointer per row instead of c and ldc, to add to; rows may overlap. Needs accumulate and no
    /// activation.
    float* const* cRows = nullptr;
    bool accumulate = false; ///< add to what C holds
    /// C (not cRows) is in no cache: its lines are asked for before the sums are made.
    bool farC = false;
    /// A and B of a matrix product are not in a cache either, and rows at equal distances follow the last
    /// ones: what is read next is asked for.
    bool streamed = false;
    Epilogue epilogue; ///< bias: one value per column of this panel
};

/// The kernels of one instruction set.
struct TileKernels
{
    int lanes = 0; ///< floats in a vector
    int rows = 0;  ///< rows of a full tile
    int width = 0; ///< columns of a full panel: two vectors
    void (*run)(const TileCall& call) = nullptr;

    int64_t panels(int64_t columns) const { return (columns + width - 1) / width; }
    /// Columns that a panel with `columns` used ones takes in packed form: one vector or two.
    int64_t panelColumns(int64_t columns) const { return columns <= lanes ? lanes : width; }
    /// Floats of `depth` packed rows with `columns` columns.
    int64_t packedSize(int64_t depth, int64_t columns) const
    {
        const int64_t rest = columns % width;
        return depth * (columns - rest + (rest > 0 ? panelColumns(rest) : 0));
    }
};

/// The kernels of the instruction set in use.
const TileKernels& tileKernels();

} // namespace gradloom::cpu
