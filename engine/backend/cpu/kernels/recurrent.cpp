#include "recurrent.h"

#include "pack.h"
#include "recurrent_cells.h"
#include "recurrent_layout.h"

#include <algorithm>

namespace gradloom::cpu {

namespace {

/// One column panel of a block.
struct Panel
{
    int64_t column;  ///< within the block
    int64_t columns; ///< that count
    int64_t width;   ///< that it takes in packed form
};

Panel panelOf(const RecurrentBlock& block, int64_t index)
{
    const TileKernels& kernels = tileKernels();
    const int64_t column = index * kernels.width;
    const int64_t columns = std::min<int64_t>(kernels.width, block.columns - column);
    return {column, columns, kernels.panelColumns(columns)};
}

/// [w; u] of the block's columns, one matrix above the other.
void packBlockPanel(const RecurrentShape& shape, const RecurrentWeights& weights, const RecurrentBlock& block,
    const Panel& panel, float* out)
{
    const int64_t end = block.column + block.columns;
    const int64_t first = block.column + panel.column;
    if (block.ofX && shape.d > 0) {
        packPanel({shape.d, end, shape.columns(), false}, weights.w, first, panel.width, out);
        out += shape.d * panel.width;
    }
    if (block.ofH)
        packPanel({shape.h, end, shape.columns(), false}, weights.u, first, panel.width, out);
}

/// The bias of a block, zeros behind it. Gru's two rows count where the block has the product they belong to.
void packBias(const RecurrentShape& shape, const float* bias, const RecurrentBlock& block, float* out)
{
    std::fill(out, out + RecurrentLayout::padded(block.columns), 0.0F);
    if (bias == nullptr)
        return;
    const bool second = block.ofH && shape.biasRows() == 2;
    for (int64_t j = 0; j < block.columns; ++j)
        out[j] = (block.ofX ? bias[block.column + j] : 0.0F) +
                 (second ? bias[shape.columns() + block.column + j] : 0.0F);
}

/// The sequences of one group on their way through the steps.
class ForwardGroup
{
public:
    ForwardGroup(const RecurrentShape& shape, const RecurrentForwardArgs& args, int64_t begin, int64_t rows)
        : m_shape(shape), m_args(args), m_layout(shape), m_begin(begin), m_rows(rows),
          m_width(shape.d + shape.h), m_zeros(args.scratch), m_xh(m_zeros + shape.h),
          m_sums(m_xh + recurrentGroupRows(shape) * m_width),
          m_steps(shape, args.in, args.y, args.reserve, m_zeros), m_cell(cellKernels(shape.cell))
    {
        std::fill(m_zeros, m_zeros + shape.h, 0.0F);
        if (shape.projected) // what pads the columns is added to as well
            std::fill_n(m_sums, recurrentGroupRows(shape) * m_layout.stride, 0.0F);
    }

    void run()
    {
        for (int64_t r = 0; r < m_rows; ++r)
            copyProduct(m_steps.stateBefore(m_begin + r, 0), m_steps.dropout(m_begin + r),
                m_xh + r * m_width + m_shape.d, m_shape.h);
        for (int64_t s = 0; s < m_shape.t; ++s)
            step(s);
        for (int64_t r = 0; r < m_rows; ++r)
            keepLast(m_begin + r);
    }

private:
    void step(int64_t s)
    {
        const float* operands[recurrentGroup];
        CellRow rows[recurrentGroup];
        int64_t count = 0;
        for (int64_t r = 0; r < m_rows; ++r) {
            const int64_t n = m_begin + r;
            if (!m_steps.isReal(n, s)) {
                carryOn(n, s);
                continue;
            }
            float* xh = m_xh + r * m_width;
            if (s + 1 < m_shape.t)
                prefetchRow(m_steps.x(n, s + 1), m_shape.inputWidth());
            takeInput(m_steps.x(n, s), xh, m_sums + count * m_layout.stride);
            operands[count] = xh;
            rows[count] = {m_sums + count * m_layout.stride, m_steps.stateBefore(n, s),
                m_steps.cellBefore(n, s), m_steps.dropout(n), m_args.reserve + m_steps.reserveOffset(n, s),
                m_args.y + m_steps.stepOf(n, s) * m_shape.h, xh + m_shape.d};
            ++count;
        }
        if (count == 0)
            return;
        multiply(operands, count);
        m_cell.forward({m_shape.h, m_layout.gate}, rows, count);
    }

    /// Brings x to where it is multiplied or, multiplied already, added to.
    void takeInput(const float* x, float* xh, float* sums) const
    {
        std::copy_n(x, m_shape.d, xh);
        if (!m_shape.projected)
            return;
        for (const RecurrentBlock& block : m_layout)
            if (block.ofX)
                std::copy_n(x + block.column, block.columns, sums + block.to);
    }

    /// The sums of all gates.
    void multiply(const float* const* operands, int64_t count)
    {
        const TileKernels& kernels = tileKernels();
        TileCall call;
        call.rows = operands;
        call.rowCount = count;
        call.segmentCount = 1;
        call.ldc = m_layout.stride;
        const float* bias = m_args.packed;
        const float* packed = bias + m_layout.stride;
        for (const RecurrentBlock& block : m_layout) {
            call.segmentOffsets = &block.from;
            call.segmentLength = block.depth;
            call.accumulate = m_shape.projected && block.ofX;
            for (int64_t i = 0; i < kernels.panels(block.columns); ++i) {
                const Panel panel = panelOf(block, i);
                call.b = packed + panel.column * block.depth;
                call.ldb = panel.width;
                call.columns = panel.width;
                call.c = m_sums + block.to + panel.column;
                call.epilogue.bias = bias + block.to + panel.column;
                kernels.run(call);
            }
            packed += kernels.packedSize(block.depth, block.columns);
        }
    }

    /// A step of padding.
    void carryOn(int64_t n, int64_t s)
    {
        const int64_t h = m_shape.h;
        std::copy_n(m_steps.stateBefore(n, s), h, m_args.y + m_steps.stepOf(n, s) * h);
        float* reserve = m_args.reserve + m_steps.reserveOffset(n, s);
        std::fill_n(reserve, std::min(m_shape.reserveWidth(), 4 * h), 0.0F);
        if (m_shape.cell == RecurrentCell::Lstm)
            std::copy_n(m_steps.cellBefore(n, s), h, reserve + 4 * h);
    }

    void keepLast(int64_t n)
    {
        const int64_t h = m_shape.h;
        std::copy_n(m_steps.stateBefore(n, m_shape.t), h, m_args.lastH + n * h);
        if (m_shape.cell == RecurrentCell::Lstm)
            std::copy_n(m_steps.cellBefore(n, m_shape.t), h, m_args.lastC + n * h);
    }

    const RecurrentShape& m_shape;
    const RecurrentForwardArgs& m_args;
    const RecurrentLayout m_layout;
    int64_t m_begin, m_rows, m_width;
    float* m_zeros; ///< [h]
    float* m_xh;    ///< [rows, d + h]: the operands of the product
    float* m_sums;  ///< [rows, stride]
    RecurrentSteps m_steps;
    CellKernels m_cell;
};

} // namespace

int64_t recurrentPackedSize(const RecurrentShape& shape)
{
    const RecurrentLayout layout(shape);
    int64_t size = layout.stride;
    for (const RecurrentBlock& block : layout)
        size += tileKernels().packedSize(block.depth, block.columns);
    return size;
}

int64_t recurrentPackUnits(const RecurrentShape& shape)
{
    int64_t units = 0;
    for (const RecurrentBlock& block : RecurrentLayout(shape))
        units += tileKernels().panels(block.columns);
    return units;
}

void recurrentPack(
    const RecurrentShape& shape, const RecurrentWeights& weights, float* packed, int64_t begin, int64_t end)
{
    const RecurrentLayout layout(shape);
    float* out = packed + layout.stride;
    int64_t first = 0;
    for (const RecurrentBlock& block : layout) {
        const int64_t panels = tileKernels().panels(block.columns);
        for (int64_t unit = std::max(begin, first); unit < std::min(end, first + panels); ++unit) {
            const Panel panel = panelOf(block, unit - first);
            packBlockPanel(shape, weights, block, panel, out + panel.column * block.depth);
            if (unit == first)
                packBias(shape, weights.bias, block, packed + block.to);
        }
        first += panels;
        out += tileKernels().packedSize(block.depth, block.columns);
    }
}

int64_t recurrentForwardScratch(const RecurrentShape& shape)
{
    return shape.h + recurrentGroupRows(shape) * (shape.d + shape.h + RecurrentLayout(shape).stride);
}

void recurrentForward(
    const RecurrentShape& shape, const RecurrentForwardArgs& args, int64_t begin, int64_t end)
{
    for (int64_t part = begin; part < end; ++part) {
        const RecurrentShare share(shape, part);
        for (int64_t n = share.begin; n < share.end; n += recurrentGroup)
            ForwardGroup(shape, args, n, std::min(recurrentGroup, share.end - n)).run();
    }
}

} // namespace gradloom::cpu
