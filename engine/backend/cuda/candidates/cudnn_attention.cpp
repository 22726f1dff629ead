#include "engine/backend/cuda/aligned_memory.h"
#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/cudnn_graph.h"
#include "engine/backend/cuda/functors/attention.h"
#include "engine/backend/cuda/op_parts.h"
#include "engine/ir/op_type.h"

#include <limits>

namespace gradloom::cuda {

namespace {

/// Up to this version graphs of attention need help: for lengths that are no multiples of 128, for instance.
constexpr size_t lastToNeedHelp = 91500;
constexpr int64_t largestHead = 128; ///< that every GPU's kernels can differentiate
constexpr int64_t headMultiple = 8;

bool isHead(int64_t size)
{
    return size % headMultiple == 0 && size <= largestHead;
}

/// cuDNN's fused attention takes 16-bit numbers only. It draws its own random numbers for dropout, and knows
/// padding by lengths instead of a mask.
bool hasGraph(const Preparation& p, const AttentionShape& s)
{
    return p.settings.precision == backend::Precision::Bf16 && cudnnGetVersion() > lastToNeedHelp &&
           !p.has(3) && !s.drop && isHead(s.size) && isHead(s.valueSize) && s.queries * s.keys > 1;
}

Extents keyOf(const AttentionShape& s)
{
    return {s.batch, s.heads, s.queries, s.keys, s.size, s.valueSize, s.causal, bitsOf(s.scale)};
}

/// Rows of each head within batch × rows × heads·size.
GraphTensor rowsOf(GraphBuilder& b, const AttentionShape& s, int64_t rows, int64_t size)
{
    const int64_t row = s.heads * size;
    return b.operand(CUDNN_DATA_BFLOAT16, {s.batch, s.heads, rows, size}, {rows * row, size, row, 1});
}

/// The same memory with the rows as columns.
GraphTensor columnsOf(GraphBuilder& b, const AttentionShape& s, int64_t rows, int64_t size)
{
    const int64_t row = s.heads * size;
    return b.operand(CUDNN_DATA_BFLOAT16, {s.batch, s.heads, size, rows}, {rows * row, size, 1, row});
}

/// A number a query.
GraphTensor numbersOf(GraphBuilder& b, const AttentionShape& s)
{
    const Extents extents{s.batch, s.heads, s.queries, 1};
    return b.operand(CUDNN_DATA_FLOAT, extents, packedStrides(extents));
}

GraphTensor visible(GraphBuilder& b, const AttentionShape& s, const GraphTensor& scores)
{
    if (!s.causal)
        return scores;
    const GraphTensor row = b.index(scores, 2);
    const GraphTensor column = b.index(scores, 3);
    const GraphTensor seen = b.inner(scores.extents, CUDNN_DATA_BOOLEAN);
    b.pointwise(CUDNN_POINTWISE_CMP_GE, {row, column}, seen, CUDNN_DATA_BOOLEAN);
    const GraphTensor never = b.number(-std::numeric_limits<float>::infinity());
    return b.pointwise(CUDNN_POINTWISE_BINARY_SELECT, {scores, never, seen});
}

/// Operands: q, k, v, y, logSum.
std::shared_ptr<const CompiledGraph> forwardGraph(cudnnHandle_t dnn, const AttentionShape& s)
{
    GraphBuilder b(dnn);
    const GraphTensor q = rowsOf(b, s, s.queries, s.size);
    const GraphTensor k = columnsOf(b, s, s.keys, s.size);
    const GraphTensor v = rowsOf(b, s, s.keys, s.valueSize);
    const GraphTensor y = rowsOf(b, s, s.queries, s.valueSize);
    const GraphTensor logSum = numbersOf(b, s);
    const GraphTensor products = b.pointwise(CUDNN_POINTWISE_MUL, {b.multiply(q, k), b.number(s.scale)});
    const GraphTensor scores = visible(b, s, products);
    const GraphTensor most = b.reduce(CUDNN_REDUCE_TENSOR_MAX, scores);
    const GraphTensor apart = b.pointwise(CUDNN_POINTWISE_SUB, {scores, most});
    const GraphTensor shares = b.pointwise(CUDNN_POINTWISE_EXP, {apart});
    const GraphTensor sum = b.reduce(CUDNN_REDUCE_TENSOR_ADD, shares);
    b.pointwise(CUDNN_POINTWISE_ADD, {most, b.pointwise(CUDNN_POINTWISE_LOG, {sum})}, logSum);
    const GraphTensor probabilities = b.inner(scores.extents, CUDNN_DATA_BFLOAT16);
    b.pointwise(CUDNN_POINTWISE_DIV, {shares, sum}, probabilities);
    b.multiply(probabilities, v, y);
    return b.compile(workspaceLimit);
}

/// Operands: q, k, v, y, logSum, dy, dq, dk, dv, Σ y·dy a query, dq as it is added up (Dao et al. 2022,
/// algorithm 4).
std::shared_ptr<const CompiledGraph> backwardGraph(cudnnHandle_t dnn, const AttentionShape& s)
{
    GraphBuilder b(dnn);
    const GraphTensor q = rowsOf(b, s, s.queries, s.size);
    const GraphTensor k = columnsOf(b, s, s.keys, s.size);
    const GraphTensor v = columnsOf(b, s, s.keys, s.valueSize);
    const GraphTensor y = rowsOf(b, s, s.queries, s.valueSize);
    const GraphTensor logSum = numbersOf(b, s);
    const GraphTensor dy = rowsOf(b, s, s.queries, s.valueSize);
    const GraphTensor dq = rowsOf(b, s, s.queries, s.size);
    const GraphTensor dk = rowsOf(b, s, s.keys, s.size);
    const GraphTensor dv = rowsOf(b, s, s.keys, s.valueSize);
    const GraphTensor sums = numbersOf(b, s);
    const Extents ofQueries{s.batch, s.heads, s.queries, s.size};
    const GraphTensor dqSum = b.operand(CUDNN_DATA_FLOAT, ofQueries, packedStrides(ofQueries));
    const GraphTensor scale = b.number(s.scale);

    const GraphTensor along = b.reduce(CUDNN_REDUCE_TENSOR_ADD, b.pointwise(CUDNN_POINTWISE_MUL, {dy, y}));
    b.pointwise(CUDNN_POINTWISE_MUL, {along, b.number(1)}, sums);

    const GraphTensor products = b.pointwise(CUDNN_POINTWISE_MUL, {b.multiply(q, k), scale});
    const GraphTensor scores = visible(b, s, b.pointwise(CUDNN_POINTWISE_SUB, {products, logSum}));
    const GraphTensor probabilities = b.pointwise(CUDNN_POINTWISE_EXP, {scores});
    b.multiply(b.transposed(probabilities, CUDNN_DATA_BFLOAT16), dy, dv);

    const GraphTensor apart = b.pointwise(CUDNN_POINTWISE_SUB, {b.multiply(dy, v), sums});
    const GraphTensor changes = b.pointwise(CUDNN_POINTWISE_MUL, {apart, probabilities});
    const GraphTensor gradients = b.pointwise(CUDNN_POINTWISE_MUL, {changes, scale});
    b.multiply(b.transposed(gradients, CUDNN_DATA_BFLOAT16), q, dk);
    b.multiply(gradients, b.transposed(k, CUDNN_DATA_BFLOAT16), dqSum);
    b.pointwise(CUDNN_POINTWISE_IDENTITY, {dqSum}, dq);
    return b.compile(workspaceLimit);
}

/// Operands and results of an operation as cuDNN takes them.
class ShortMemory
{
public:
    explicit ShortMemory(Preparation& preparation) : m_p(preparation) {}

    void* in(size_t i)
    {
        const int64_t count = m_p.inShape(i).elements();
        auto* copy = m_p.scratch<Bf16>(count);
        m_p.each(count, Convert<float, Bf16>{m_p.in(i), copy});
        return copy;
    }
    void* out(size_t i)
    {
        const int64_t count = m_p.outShape(i).elements();
        auto* from = m_p.scratch<Bf16>(count);
        m_results.push_back({from, m_p.out(i), count});
        return from;
    }
    void finish()
    {
        for (const Result& r : m_results)
            m_p.each(r.count, Convert<Bf16, float>{r.from, r.to});
    }

private:
    struct Result
    {
        const Bf16* from;
        float* to;
        int64_t count;
    };

    Preparation& m_p;
    std::vector<Result> m_results;
};

bool addForward(Preparation& p, const AttentionShape& s, GraphCache& graphs)
{
    const auto graph = graphs.find(keyOf(s), [&] { return forwardGraph(p.settings.alternatives->dnn, s); });
    ShortMemory rows(p);
    AlignedMemory numbers(p);
    std::vector<void*> addresses{rows.in(0), rows.in(1), rows.in(2), rows.out(0), numbers.out(1)};
    p.launch(
        CompiledGraph::launch(graph, std::move(addresses), p.scratch<std::byte>(graph->workspaceBytes())));
    rows.finish();
    numbers.finish();
    return true;
}

bool addBackward(Preparation& p, const AttentionShape& s, GraphCache& graphs)
{
    const auto graph = graphs.find(keyOf(s), [&] { return backwardGraph(p.settings.alternatives->dnn, s); });
    ShortMemory rows(p);
    AlignedMemory numbers(p);
    std::vector<void*> addresses{rows.in(0), rows.in(1), rows.in(2), rows.in(5)};
    addresses.push_back(const_cast<float*>(numbers.in(6)));
    for (void* address : {rows.in(7), rows.out(0), rows.out(1), rows.out(2)})
        addresses.push_back(address);
    addresses.push_back(p.scratch(p.inShape(6).elements()));
    addresses.push_back(p.scratch(p.inShape(0).elements()));
    p.launch(
        CompiledGraph::launch(graph, std::move(addresses), p.scratch<std::byte>(graph->workspaceBytes())));
    rows.finish();
    return true;
}

/// Either direction, with the graphs that were compiled for it.
struct CudnnAttention
{
    std::shared_ptr<GraphCache> forward = std::make_shared<GraphCache>();
    std::shared_ptr<GraphCache> backward = std::make_shared<GraphCache>();

    bool operator()(Preparation& p) const
    {
        const AttentionShape s = attentionShape(p);
        if (!hasGraph(p, s))
            return false;
        return p.op.type->id == "attention" ? addForward(p, s, *forward) : addBackward(p, s, *backward);
    }
};

} // namespace

/// In training both directions are tried together, because the adjoint needs the logSum of its operands.
Candidates cudnn_attention()
{
    const CudnnAttention prepare;
    Candidate training{
        "cuDNN attention", "attention", prepare, Candidate::Adjoint{"attention_backward", 6, 1}};
    Candidate inUse{"cuDNN attention", "attention", prepare};
    training.products = inUse.products = true;
    return {training, inUse};
}

} // namespace gradloom::cuda
