#include "engine/backend/cuda/op_parts.h"

#include "engine/backend/cuda/functors/pointwise.h"
#include "engine/backend/cuda/functors/reduce.h"
#include "engine/ir/pointwise.h"

#include <stdexcept>

namespace gradloom::cuda {

bool hasRelu(const Preparation& p)
{
    return p.op.attributes.textOr("activation", "none") == "relu";
}

WindowShape convolutionShape(const ir::Op& op, const Shape& x, const ConvolutionKernel& kernel)
{
    WindowShape s = poolingShape(op, x);
    s.kh = kernel.height;
    s.kw = kernel.width;
    s.k = kernel.filters;
    const auto& dilation = op.attributes.list("dilation");
    s.dilationH = dilation[0];
    s.dilationW = dilation[1];
    s.groups = op.attributes.integerOr("groups", 1);
    s.oh = (s.h + s.padTop + s.padBottom - s.dilationH * (s.kh - 1) - 1) / s.strideH + 1;
    s.ow = (s.w + s.padLeft + s.padRight - s.dilationW * (s.kw - 1) - 1) / s.strideW + 1;
    return s;
}

WindowShape poolingShape(const ir::Op& op, const Shape& x)
{
    const auto& stride = op.attributes.list("stride");
    const auto& padding = op.attributes.list("padding");
    WindowShape s;
    s.n = x[0];
    s.h = x[1];
    s.w = x[2];
    s.c = x[3];
    s.strideH = stride[0];
    s.strideW = stride[1];
    s.padTop = padding[0];
    s.padLeft = padding[1];
    s.padBottom = padding[2];
    s.padRight = padding[3];
    if (op.attributes.has("kernel")) {
        s.kh = op.attributes.list("kernel")[0];
        s.kw = op.attributes.list("kernel")[1];
        s.oh = (s.h + s.padTop + s.padBottom - s.kh) / s.strideH + 1;
        s.ow = (s.w + s.padLeft + s.padRight - s.kw) / s.strideW + 1;
    }
    return s;
}

WindowShape resizeShape(const Shape& x, const Shape& y)
{
    WindowShape s;
    s.n = x[0];
    s.h = x[1];
    s.w = x[2];
    s.c = x[3];
    s.oh = y[1];
    s.ow = y[2];
    return s;
}

RandomSource randomSource(const Preparation& p, size_t counter)
{
    return {p.in<int32_t>(counter), static_cast<uint32_t>(p.op.attributes.integer("stream"))};
}

void addCopy(Preparation& p, const CopyLayout& layout)
{
    static_assert(StridedCopy::maxRank == Shape::maxRank);
    StridedCopy copy;
    copy.rank = layout.extents.rank();
    for (int axis = 0; axis < copy.rank; ++axis) {
        copy.extent[axis] = layout.extents[axis];
        copy.sourceStride[axis] = layout.sourceStride[static_cast<size_t>(axis)];
        copy.targetStride[axis] = layout.targetStride[static_cast<size_t>(axis)];
    }
    copy.source = layout.source;
    copy.target = layout.target;
    const int64_t count = copy.elements();
    copy.simplify();
    const bool dense =
        copy.rank == 0 || (copy.rank == 1 && copy.sourceStride[0] == 1 && copy.targetStride[0] == 1);
    if (dense)
        p.launch([copy, bytes = count * 4](
                     const Context& context) { copyBytes(context, copy.target, copy.source, bytes); });
    else
        p.each(count, copy);
}

namespace {

PointwiseFn pointwiseFn(const std::string& name)
{
    // PointwiseFn counts the functions of the table, of which SigmoidGradient is the last.
    const auto* function = ir::findPointwiseFunction(name);
    const auto index = function ? function - ir::pointwiseFunctions().data() : -1;
    if (index < 0 || index > static_cast<std::ptrdiff_t>(PointwiseFn::SigmoidGradient))
        throw std::logic_error("the GPU does not know the function \"" + name + "\"");
    return static_cast<PointwiseFn>(index);
}

/// Whether four elements can be read and written at once.
bool chainFitsFour(const PointwiseChain& chain)
{
    bool fits = chain.size % 4 == 0;
    for (int i = 0; i < chain.inputs; ++i)
        fits = fits && (chain.period[i] == 1 || (chain.period[i] % 4 == 0 && isAligned(chain.in[i])));
    for (int i = 0; i < chain.outputs; ++i)
        fits = fits && isAligned(chain.out[i]);
    return fits;
}

/// Where the operands of a code lie while it runs: the operands, then the results of its instructions, each
/// in the slot of one that is not needed any more, or in a new one.
std::vector<uint8_t> slotsOf(const ir::PointwiseCode& code, size_t inputs)
{
    const size_t operands = inputs + code.instructions.size();
    std::vector<size_t> lastUse(operands, 0);
    for (size_t i = 0; i < code.instructions.size(); ++i)
        for (const int32_t used : {code.instructions[i].a, code.instructions[i].b})
            if (used >= 0)
                lastUse[static_cast<size_t>(used)] = i;
    for (const int32_t output : code.outputs)
        lastUse[static_cast<size_t>(output)] = operands;
    std::vector<uint8_t> slots;
    std::vector<size_t> freeFrom; ///< by slot: the instruction that may write to it
    for (size_t operand = 0; operand < operands; ++operand) {
        size_t slot = freeFrom.size();
        if (operand >= inputs)
            slot = static_cast<size_t>(std::find_if(freeFrom.begin(), freeFrom.end(), [&](size_t i) {
                return i <= operand - inputs;
            }) - freeFrom.begin());
        if (slot == freeFrom.size())
            freeFrom.push_back(0);
        freeFrom[slot] = lastUse[operand];
        slots.push_back(static_cast<uint8_t>(slot));
    }
    return slots;
}

/// The code over the operands from `first` on.
PointwiseChain chainOf(const Preparation& p, const ir::PointwiseCode& code, size_t first)
{
    PointwiseChain chain;
    const size_t inputs = p.op.inputs.size() - first;
    if (inputs + code.instructions.size() > PointwiseChain::maxOperands)
        throw std::logic_error("a fused pointwise operation has too many operands");
    chain.inputs = static_cast<int>(inputs);
    for (size_t i = 0; i < inputs; ++i) {
        chain.in[i] = p.in(first + i);
        chain.period[i] = p.inShape(first + i).elements();
    }
    const std::vector<uint8_t> slots = slotsOf(code, inputs);
    for (const auto& instruction : code.instructions) {
        PointwiseStep& step = chain.step[chain.steps];
        step.fn = pointwiseFn(instruction.fn);
        step.a = slots[static_cast<size_t>(instruction.a)];
        step.binary = instruction.b >= 0;
        step.b = slots[static_cast<size_t>(std::max(instruction.b, 0))];
        step.alpha = static_cast<float>(instruction.alpha);
        step.result = slots[inputs + static_cast<size_t>(chain.steps++)];
    }
    for (size_t i = 0; i < code.outputs.size(); ++i) {
        chain.out[i] = p.out(i);
        chain.outSlot[i] = slots[static_cast<size_t>(code.outputs[i])];
    }
    chain.slots = *std::max_element(slots.begin(), slots.end()) + 1;
    chain.outputs = static_cast<int>(code.outputs.size());
    return chain;
}

} // namespace

void addPointwise(Preparation& p, const ir::PointwiseCode& code)
{
    PointwiseChain chain = chainOf(p, code, 0);
    chain.size = p.outShape().elements();
    const bool few = chain.slots <= fewSlots;
    if (chainFitsFour(chain))
        few ? p.each(chain.size / 4, PointwiseGroups<4>{chain})
            : p.each(chain.size / 4, LongPointwiseGroups<4>{chain});
    else
        few ? p.each(chain.size, PointwiseGroups<1>{chain})
            : p.each(chain.size, LongPointwiseGroups<1>{chain});
}

void addPointwiseRows(Preparation& p, const ir::PointwiseCode& code)
{
    PointwiseRows functor{chainOf(p, code, 1), p.in<int32_t>(0), p.inShape(1)[-1],
        static_cast<int>(p.op.attributes.integer("tables"))};
    functor.chain.size = p.inShape(0).elements() * functor.width;
    for (size_t i = 0; i < p.op.outputs.size(); ++i)
        if (p.out(i) != p.in(i + 1))
            p.launch([to = p.out(i), from = p.in(i + 1), bytes = p.inShape(1).elements() * 4](
                         const Context& context) { copyBytes(context, to, from, bytes); });
    p.each(functor.chain.size, functor);
}

void addReduction(Preparation& p, const ReduceCall& call)
{
    Reduction r;
    r.x = call.x;
    r.outer = call.outer;
    r.reduce = call.reduce;
    r.inner = call.inner;
    r.max = call.max;
    const bool rows = call.inner == 1;
    const int64_t others = call.outer * (rows ? 1 : ColumnTile::count(call.inner));
    r.parts = reductionParts(call.reduce, others);
    const bool joined = r.parts > 1;
    const int64_t size = call.outer * call.inner;
    r.scale = joined ? 1.0F : call.scale;
    r.y = joined ? p.scratch(r.parts * size) : call.y;
    if (rows)
        p.teams(r.parts * others, ReduceRows{r}, teamForRow(call.reduce / r.parts));
    else
        p.teams(r.parts * others, ReduceColumns{r}, teamForTile(1));
    if (joined)
        p.teams(size, ReduceFinish{r.y, call.y, size, r.parts, call.max, call.scale}, {});
}

bool fitsFour(int64_t columns, std::initializer_list<const void*> addresses)
{
    return columns % 4 == 0 && std::all_of(addresses.begin(), addresses.end(), isAligned);
}

void addProduct(Preparation& p, MatrixProduct product)
{
    if (p.settings.precision == backend::Precision::Bf16) {
        const auto converted = [&](const void* from, int64_t rows, int64_t ld) {
            const int64_t count = product.batch * rows * ld; // matrices lie one behind the other
            auto* to = p.scratch<Bf16>(count);
            p.each(count, FloatToBf16{static_cast<const float*>(from), to});
            return to;
        };
        product.a = converted(product.a, product.transA ? product.k : product.m, product.lda);
        product.b = converted(product.b, product.transB ? product.n : product.k, product.ldb);
        product.number = Number::Bf16;
    }
    p.launch(matrixProduct(p, product));
}

} // namespace gradloom::cuda
