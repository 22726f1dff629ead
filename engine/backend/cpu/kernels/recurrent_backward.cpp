#include "pack.h"
#include "recurrent_cells.h"
#include "recurrent_layout.h"

#include <algorithm>

namespace gradloom::cpu {

namespace {

/// Steps of single sequences whose gates' gradients are collected before they are multiplied into the weight
/// gradients: enough to keep sums in registers, few enough to be still in the second-level cache.
constexpr int64_t chunkRows = 256;
static_assert(chunkRows >= recurrentGroup);

/// Floats of one part's weight gradients: [d + h + biasRows, columns].
int64_t partialSize(const RecurrentShape& shape)
{
    return (shape.d + shape.h + shape.biasRows()) * shape.columns();
}

/// Offsets of the buffers in the scratch of one call.
struct BackwardScratch
{
    int64_t size = 0;
    int64_t zeros;  ///< [h]
    int64_t dh;     ///< [group, h]: gradient of the state behind the step in work
    int64_t dc;     ///< [group, h], Lstm
    int64_t dState; ///< [group, padded h]: what comes back through the product with u
    int64_t xh;     ///< [chunk, d + h]: operands of the products, as in the forward pass
    int64_t dSums;  ///< [chunk, stride]: gradients of the gates' sums

    explicit BackwardScratch(const RecurrentShape& shape)
        : zeros(take(shape.h)), dh(take(recurrentGroupRows(shape) * shape.h)),
          dc(take(recurrentGroupRows(shape) * shape.h)),
          dState(take(recurrentGroupRows(shape) * RecurrentLayout::padded(shape.h))),
          xh(take(chunkRows * (shape.d + shape.h))), dSums(take(chunkRows * RecurrentLayout(shape).stride))
    {
    }

private:
    int64_t take(int64_t floats)
    {
        const int64_t offset = size;
        size += floats;
        return offset;
    }
};

/// The sequences of one group on their way back, and the weight gradients of their part.
class BackwardGroup
{
public:
    BackwardGroup(const RecurrentShape& shape, const RecurrentBackwardArgs& args, float* gradients)
        : m_shape(shape), m_args(args), m_layout(shape), m_at(shape), m_width(shape.d + shape.h),
          m_gradients(gradients), m_dh(args.scratch + m_at.dh), m_dc(args.scratch + m_at.dc),
          m_dState(args.scratch + m_at.dState), m_xh(args.scratch + m_at.xh),
          m_dSums(args.scratch + m_at.dSums),
          m_steps(shape, args.in, args.y, args.reserve, args.scratch + m_at.zeros),
          m_cell(cellKernels(shape.cell))
    {
        std::fill_n(args.scratch + m_at.zeros, shape.h, 0.0F);
    }

    void run(int64_t begin, int64_t rows)
    {
        const int64_t h = m_shape.h;
        const bool lstm = m_shape.cell == RecurrentCell::Lstm;
        start(m_args.dLastH, begin, rows, m_dh);
        start(lstm ? m_args.dLastC : nullptr, begin, rows, m_dc);
        for (int64_t s = m_shape.t - 1; s >= 0; --s)
            step(begin, rows, s);
        flush();
        std::copy_n(m_dh, rows * h, m_args.dh0 + begin * h);
        if (lstm)
            std::copy_n(m_dc, rows * h, m_args.dc0 + begin * h);
    }

private:
    void start(const float* from, int64_t begin, int64_t rows, float* to) const
    {
        const int64_t h = m_shape.h;
        if (from != nullptr)
            std::copy_n(from + begin * h, rows * h, to);
        else
            std::fill_n(to, rows * h, 0.0F);
    }

    void step(int64_t begin, int64_t rows, int64_t s)
    {
        if (m_count + rows > chunkRows)
            flush();
        const int64_t h = m_shape.h;
        const float* sums[recurrentGroup];
        CellGradRow work[recurrentGroup];
        int64_t sequence[recurrentGroup];
        int64_t count = 0;
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t n = begin + r;
            const int64_t at = m_steps.stepOf(n, s);
            const float* dy = m_args.dy != nullptr ? m_args.dy + at * h : nullptr;
            const bool real = m_steps.isReal(n, s);
            if (m_args.dx != nullptr && !(real && m_shape.projected)) // where it is added to, or all there is
                std::fill_n(m_args.dx + at * m_shape.inputWidth(), m_shape.inputWidth(), 0.0F);
            if (!real) {
                if (dy != nullptr)
                    addProduct(dy, nullptr, m_dh + r * h, h);
                continue;
            }
            const int64_t place = m_count + count;
            float* dSums = m_dSums + place * m_layout.stride;
            keepOperands(n, s, m_xh + place * m_width);
            m_place[place] = at;
            sums[count] = dSums;
            sequence[count] = r;
            work[count] = {m_args.reserve + m_steps.reserveOffset(n, s), m_args.y + at * h,
                m_steps.stateBefore(n, s), m_steps.cellBefore(n, s), dy, m_dh + r * h, m_dc + r * h, dSums};
            ++count;
        }
        if (count == 0)
            return;
        m_cell.backward({h, m_layout.gate}, work, count);
        multiplyBack(sums, count);
        const int64_t stride = RecurrentLayout::padded(h);
        for (int64_t i = 0; i < count; ++i)
            addProduct(
                m_dState + i * stride, m_steps.dropout(begin + sequence[i]), m_dh + sequence[i] * h, h);
        m_count += count;
    }

    void keepOperands(int64_t n, int64_t s, float* xh) const
    {
        if (s > 0) {
            prefetchRow(m_steps.x(n, s - 1), m_shape.d);
            prefetchRow(m_steps.stateBefore(n, s - 1), m_shape.h);
        }
        std::copy_n(m_steps.x(n, s), m_shape.d, xh);
        copyProduct(m_steps.stateBefore(n, s), m_steps.dropout(n), xh + m_shape.d, m_shape.h);
    }

    /// dState = dSums · uᵀ.
    void multiplyBack(const float* const* sums, int64_t count)
    {
        const TileKernels& kernels = tileKernels();
        const int64_t stride = RecurrentLayout::padded(m_shape.h);
        TileCall call;
        call.rows = sums;
        call.rowCount = count;
        call.segmentCount = 1;
        call.ldc = stride;
        for (int64_t column = 0; column < stride; column += kernels.width) {
            call.columns = call.ldb = std::min<int64_t>(kernels.width, stride - column);
            call.c = m_dState + column;
            call.accumulate = false;
            for (const RecurrentBlock& block : m_layout) {
                if (!block.ofH)
                    continue;
                call.segmentOffsets = &block.to;
                call.segmentLength = block.columns;
                call.b = m_args.packed + column * m_shape.columns() + block.column * call.ldb;
                kernels.run(call);
                call.accumulate = true;
            }
        }
    }

    /// Multiplies the collected steps into the gradients of the weights and of x.
    void flush()
    {
        if (m_count == 0)
            return;
        for (const RecurrentBlock& block : m_layout) {
            const int64_t panels = tileKernels().panels(block.columns);
            for (int64_t panel = 0; panel < panels; ++panel)
                addWeightGradient(block, panel * tileKernels().width);
        }
        if (m_args.dx != nullptr && m_shape.projected)
            giveSumsGradient();
        else if (m_args.dx != nullptr)
            addInputGradient();
        m_count = 0;
    }

    /// One column panel of xhᵀ · dSums, and of the column sums, which are the bias gradients.
    void addWeightGradient(const RecurrentBlock& block, int64_t column)
    {
        const float* rows[recurrentGroup];
        const int64_t start = 0;
        TileCall call;
        call.rows = rows;
        call.segmentOffsets = &start;
        call.segmentCount = 1;
        call.segmentLength = m_count;
        call.step = m_width;
        call.b = m_dSums + block.to + column;
        call.ldb = m_layout.stride;
        call.columns = std::min<int64_t>(tileKernels().width, block.columns - column);
        call.ldc = m_shape.columns();
        call.accumulate = true;
        float* gradients = m_gradients + block.column + column;
        for (int64_t row = 0; row < block.depth; row += recurrentGroup) {
            call.rowCount = std::min(recurrentGroup, block.depth - row);
            for (int64_t r = 0; r < call.rowCount; ++r)
                rows[r] = m_xh + block.from + row + r;
            call.c = gradients + (block.from + row) * call.ldc;
            tileKernels().run(call);
        }
        static constexpr float one = 1.0F;
        rows[0] = &one;
        call.rowCount = 1;
        call.step = 0;
        for (int64_t row = 0; row < m_shape.biasRows(); ++row) {
            if (row == 0 ? !block.ofX : !block.ofH)
                continue;
            call.c = gradients + (m_width + row) * call.ldc;
            tileKernels().run(call);
        }
    }

    /// dx of a projected x: the gradients of the sums.
    void giveSumsGradient() const
    {
        for (int64_t i = 0; i < m_count; ++i)
            for (const RecurrentBlock& block : m_layout)
                if (block.ofX)
                    std::copy_n(m_dSums + i * m_layout.stride + block.to, block.columns,
                        m_args.dx + m_place[static_cast<size_t>(i)] * m_shape.columns() + block.column);
    }

    /// dx += dSums · wᵀ.
    void addInputGradient()
    {
        const TileKernels& kernels = tileKernels();
        const int64_t d = m_shape.d;
        const float* packed = m_args.packed + kernels.packedSize(m_shape.columns(), m_shape.h);
        const float* rows[recurrentGroup];
        float* targets[recurrentGroup];
        TileCall call;
        call.rows = rows;
        call.cRows = targets;
        call.segmentCount = 1;
        call.accumulate = true;
        for (int64_t first = 0; first < m_count; first += recurrentGroup) {
            call.rowCount = std::min(recurrentGroup, m_count - first);
            for (int64_t column = 0; column < d; column += kernels.width) {
                call.columns = std::min<int64_t>(kernels.width, d - column);
                call.ldb = kernels.panelColumns(call.columns);
                for (int64_t r = 0; r < call.rowCount; ++r) {
                    rows[r] = m_dSums + (first + r) * m_layout.stride;
                    targets[r] = m_args.dx + m_place[first + r] * d + column;
                }
                for (const RecurrentBlock& block : m_layout) {
                    if (!block.ofX)
                        continue;
                    call.segmentOffsets = &block.to;
                    call.segmentLength = block.columns;
                    call.b = packed + column * m_shape.columns() + block.column * call.ldb;
                    kernels.run(call);
                }
            }
        }
    }

    const RecurrentShape& m_shape;
    const RecurrentBackwardArgs& m_args;
    const RecurrentLayout m_layout;
    const BackwardScratch m_at;
    const int64_t m_width; ///< of a row [x, h]
    float* m_gradients;    ///< of the part
    float *m_dh, *m_dc, *m_dState, *m_xh, *m_dSums;
    RecurrentSteps m_steps;
    CellKernels m_cell;
    int64_t m_count = 0;                    ///< steps in the chunk
    std::array<int64_t, chunkRows> m_place; ///< sequence and time of each, as an index of [n, t]
};

GemmOperand transposedWeights(const RecurrentShape& shape, int64_t rows)
{
    return {shape.columns(), rows, shape.columns(), true};
}

} // namespace

int64_t recurrentBackwardPackedSize(const RecurrentShape& shape)
{
    return gemmPackedSize(shape.columns(), shape.h) + gemmPackedSize(shape.columns(), shape.d);
}

int64_t recurrentBackwardPackUnits(const RecurrentShape& shape)
{
    return gemmPackUnits(shape.columns(), shape.h) + gemmPackUnits(shape.columns(), shape.d);
}

void recurrentBackwardPack(
    const RecurrentShape& shape, const RecurrentWeights& weights, float* packed, int64_t begin, int64_t end)
{
    const int64_t split = gemmPackUnits(shape.columns(), shape.h);
    gemmPack(transposedWeights(shape, shape.h), weights.u, packed, begin, std::min(end, split));
    gemmPack(transposedWeights(shape, shape.d), weights.w, packed + gemmPackedSize(shape.columns(), shape.h),
        std::max<int64_t>(0, begin - split), end - split);
}

int64_t recurrentPartials(const RecurrentShape& shape)
{
    return partialSize(shape) * shape.parts;
}

int64_t recurrentBackwardScratch(const RecurrentShape& shape)
{
    return BackwardScratch(shape).size;
}

void recurrentBackward(
    const RecurrentShape& shape, const RecurrentBackwardArgs& args, int64_t begin, int64_t end)
{
    for (int64_t part = begin; part < end; ++part) {
        float* gradients = args.partials + part * partialSize(shape);
        std::fill_n(gradients, partialSize(shape), 0.0F);
        const RecurrentShare share(shape, part);
        BackwardGroup group(shape, args, gradients);
        for (int64_t n = share.begin; n < share.end; n += recurrentGroup)
            group.run(n, std::min(recurrentGroup, share.end - n));
    }
}

int64_t recurrentCombineUnits(const RecurrentShape& shape)
{
    return shape.d + shape.h + shape.biasRows();
}

void recurrentCombine(const RecurrentShape& shape, const float* partials, const RecurrentGradients& gradients,
    int64_t begin, int64_t end)
{
    const int64_t columns = shape.columns();
    for (int64_t row = begin; row < end; ++row) {
        float* to = row < shape.d             ? gradients.w + row * columns
                    : row < shape.d + shape.h ? gradients.u + (row - shape.d) * columns
                                              : gradients.bias + (row - shape.d - shape.h) * columns;
        std::copy_n(partials + row * columns, columns, to);
        for (int64_t part = 1; part < shape.parts; ++part)
            addProduct(partials + part * partialSize(shape) + row * columns, nullptr, to, columns);
    }
}

} // namespace gradloom::cpu
