#pragma once

#include "prefetch.h"
#include "recurrent.h"
#include "tile.h"

#include <array>
#include <cstddef>

namespace gradloom::cpu {

/// Sequences that go through the steps together. Their states and sums stay in cache.
inline constexpr int64_t recurrentGroup = 96;

/// Some columns of the gates' sums that are one product: of [x, h], of x or of h with the weights.
struct RecurrentBlock
{
    int64_t from = 0;    ///< first value of a row [x, h] that takes part
    int64_t depth = 0;   ///< how many do
    int64_t column = 0;  ///< first column of the weights
    int64_t columns = 0; ///< how many
    int64_t to = 0;      ///< first of them in a row of sums
    bool ofX = false;    ///< the sums have a part of x
    bool ofH = false;    ///< and one of the state
};

/// Where things are in a row of sums. Tanh, Relu and Lstm are one block. In Gru the new gate's sum over x and
/// its sum over h stay apart, because the reset gate multiplies the second one only.
class RecurrentLayout
{
public:
    explicit RecurrentLayout(const RecurrentShape& shape)
    {
        const int64_t h = shape.h;
        const int64_t both = shape.d + h;
        if (shape.cell != RecurrentCell::Gru) {
            add({0, both, 0, shape.columns(), 0, true, true});
            for (std::size_t i = 0; i < gate.size(); ++i)
                gate[i] = static_cast<int64_t>(i) * h;
            return;
        }
        add({0, both, 0, 2 * h, 0, true, true});
        add({0, shape.d, 2 * h, h, 0, true, false});
        add({shape.d, h, 2 * h, h, 0, false, true});
        gate = {0, h, m_blocks[1].to, m_blocks[2].to};
    }

    /// Floats that a block's columns take: whole vectors, so that the microkernel needs no special cases.
    static int64_t padded(int64_t columns) { return tileKernels().packedSize(1, columns); }

    const RecurrentBlock* begin() const { return m_blocks.data(); }
    const RecurrentBlock* end() const { return m_blocks.data() + m_count; }

    std::array<int64_t, 4> gate{}; ///< offset of each gate's sums; Gru: reset, update, new over x, new over h
    int64_t stride = 0;            ///< floats of a row of sums

private:
    void add(RecurrentBlock block)
    {
        block.to = stride;
        stride += padded(block.columns);
        m_blocks[m_count++] = block;
    }

    std::array<RecurrentBlock, 3> m_blocks{};
    std::size_t m_count = 0;
};

/// The sequences of a share.
struct RecurrentShare
{
    int64_t begin;
    int64_t end;
    RecurrentShare(const RecurrentShape& shape, int64_t part)
        : begin(shape.n * part / shape.parts), end(shape.n * (part + 1) / shape.parts)
    {
    }
};

/// Most sequences that a group of any share has.
inline int64_t recurrentGroupRows(const RecurrentShape& shape)
{
    const int64_t share = (shape.n + shape.parts - 1) / shape.parts;
    return share < recurrentGroup ? share : recurrentGroup;
}

/// Where a step's neighbours are: `s` counts in the order of processing.
class RecurrentSteps
{
public:
    /// `zeros`: h zeros.
    RecurrentSteps(const RecurrentShape& shape, const RecurrentInputs& in, const float* y,
        const float* reserve, const float* zeros)
        : m_shape(shape), m_in(in), m_y(y), m_reserve(reserve), m_zeros(zeros)
    {
    }

    int64_t time(int64_t s) const { return m_shape.reverse ? m_shape.t - 1 - s : s; }
    bool isReal(int64_t n, int64_t s) const
    {
        return m_in.mask == nullptr || m_in.mask[n * m_shape.t + time(s)] > 0.5F;
    }
    const float* x(int64_t n, int64_t s) const { return m_in.x + stepOf(n, s) * m_shape.inputWidth(); }
    int64_t stepOf(int64_t n, int64_t s) const { return n * m_shape.t + time(s); }
    int64_t reserveOffset(int64_t n, int64_t s) const
    {
        return (time(s) * m_shape.n + n) * m_shape.reserveWidth();
    }
    const float* stateBefore(int64_t n, int64_t s) const
    {
        if (s > 0)
            return m_y + stepOf(n, s - 1) * m_shape.h;
        return m_in.h0 != nullptr ? m_in.h0 + n * m_shape.h : m_zeros;
    }
    const float* cellBefore(int64_t n, int64_t s) const
    {
        if (m_shape.cell != RecurrentCell::Lstm)
            return nullptr;
        if (s > 0)
            return m_reserve + reserveOffset(n, s - 1) + 4 * m_shape.h;
        return m_in.c0 != nullptr ? m_in.c0 + n * m_shape.h : m_zeros;
    }
    const float* dropout(int64_t n) const
    {
        return m_in.dropout != nullptr ? m_in.dropout + n * m_shape.h : nullptr;
    }

private:
    const RecurrentShape& m_shape;
    const RecurrentInputs& m_in;
    const float* m_y;
    const float* m_reserve;
    const float* m_zeros;
};

} // namespace gradloom::cpu
