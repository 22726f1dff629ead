#include "engine/backend/cuda/functors/attention.h"

#include "engine/backend/cuda/op_parts.h"
#include "engine/ir/random_places.h"

namespace gradloom::cuda {

AttentionShape attentionShape(const Preparation& p)
{
    const Params& attributes = p.op.attributes;
    AttentionShape s;
    s.batch = p.inShape(0)[0];
    s.heads = attributes.integer("heads");
    s.queries = p.inShape(0)[1];
    s.keys = p.inShape(1)[1];
    s.size = p.inShape(0)[2] / s.heads;
    s.valueSize = p.inShape(2)[2] / s.heads;
    s.causal = attributes.flag("causal");
    s.scale = static_cast<float>(attributes.real("scale"));
    const auto rate = static_cast<float>(attributes.real("rate"));
    s.drop = rate > 0;
    s.rule = DropoutRule(rate);
    const ir::RandomUnits drawn = ir::randomUnits(attributes, s.batch * s.heads);
    s.firstDrawn = drawn.first;
    s.laterUnits = drawn.later;
    s.laterBy = drawn.laterBy;
    return s;
}

namespace {

AttentionInputs attentionInputs(const Preparation& p)
{
    AttentionInputs in;
    in.s = attentionShape(p);
    if (in.s.drop)
        in.source = randomSource(p, 4);
    in.q = p.in(0);
    in.k = p.in(1);
    in.v = p.in(2);
    in.mask = p.in(3);
    return in;
}

int64_t unitsOf(const AttentionShape& s)
{
    return s.batch * s.heads;
}

bool keepsScores(const Preparation& p, const AttentionShape& s)
{
    constexpr int64_t mostProducts = 65535; // that a library computes in one batch for sure: blocks of a grid
    const auto bytes = static_cast<int64_t>(sizeof(float));
    return unitsOf(s) <= mostProducts &&
           unitsOf(s) * s.queries * s.keys * bytes <= p.settings.attentionScoreBytes;
}

/// The rows of each head one behind the other, [units, rows, size]: copied from [batch, rows, heads·size] or
/// back to it. With one head it is the same memory.
class HeadRows
{
public:
    HeadRows(Preparation& p, const AttentionShape& s, int64_t rows, int64_t size)
        : m_p(p), m_heads(s.heads), m_rows(rows), m_size(size), m_extents{s.batch, s.heads, rows, size}
    {
    }

    const float* gather(const float* from) const
    {
        if (m_heads == 1)
            return from;
        auto* to = m_p.scratch<uint32_t>(m_extents.elements());
        addCopy(
            m_p, {m_extents, apart(), denseStrides(m_extents), reinterpret_cast<const uint32_t*>(from), to});
        return reinterpret_cast<float*>(to);
    }

    /// Where rows of heads are to be written that end in `target`.
    float* before(float* target) const { return m_heads == 1 ? target : m_p.scratch(m_extents.elements()); }

    void scatter(const float* from, float* target) const
    {
        if (m_heads > 1)
            addCopy(m_p, {m_extents, denseStrides(m_extents), apart(),
                             reinterpret_cast<const uint32_t*>(from), reinterpret_cast<uint32_t*>(target)});
    }

private:
    std::array<int64_t, Shape::maxRank> apart() const
    {
        return {m_rows * m_heads * m_size, m_size, m_heads * m_size, 1};
    }

    Preparation& m_p;
    int64_t m_heads, m_rows, m_size;
    Shape m_extents;
};

/// A matrix of each unit, one behind the other.
struct UnitMatrix
{
    const float* data;
    int64_t rows, columns;
    bool transposed = false;
};

/// target = a·b for each unit.
void multiplyUnits(Preparation& p, int64_t units, const UnitMatrix& a, const UnitMatrix& b, float* target)
{
    MatrixProduct product;
    product.batch = units;
    product.m = a.transposed ? a.columns : a.rows;
    product.k = a.transposed ? a.rows : a.columns;
    product.n = b.transposed ? b.rows : b.columns;
    product.a = a.data;
    product.lda = a.columns;
    product.transA = a.transposed;
    product.strideA = a.rows * a.columns;
    product.b = b.data;
    product.ldb = b.columns;
    product.transB = b.transposed;
    product.strideB = b.rows * b.columns;
    product.c = target;
    product.ldc = product.n;
    product.strideC = product.m * product.n;
    addProduct(p, product);
}

void addProducts(Preparation& p, const AttentionInputs& in)
{
    const AttentionShape& s = in.s;
    const int64_t units = unitsOf(s);
    const HeadRows queries(p, s, s.queries, s.size);
    const HeadRows keys(p, s, s.keys, s.size);
    const HeadRows values(p, s, s.keys, s.valueSize);
    const HeadRows results(p, s, s.queries, s.valueSize);
    float* scores = p.scratch(units * s.queries * s.keys);
    multiplyUnits(p, units, {queries.gather(in.q), s.queries, s.size},
        {keys.gather(in.k), s.keys, s.size, true}, scores);
    p.teams(units * s.queries, AttentionProbabilities{in, scores, p.out(1)}, teamForRow(s.keys));
    float* y = results.before(p.out(0));
    multiplyUnits(p, units, {scores, s.queries, s.keys}, {values.gather(in.v), s.keys, s.valueSize}, y);
    results.scatter(y, p.out(0));
}

void addProductGradients(Preparation& p, const AttentionInputs& in, const float* products)
{
    const AttentionShape& s = in.s;
    const int64_t units = unitsOf(s);
    const HeadRows queryRows(p, s, s.queries, s.size);
    const HeadRows keyRows(p, s, s.keys, s.size);
    const HeadRows valueRows(p, s, s.keys, s.valueSize);
    const UnitMatrix q{queryRows.gather(in.q), s.queries, s.size};
    const UnitMatrix k{keyRows.gather(in.k), s.keys, s.size};
    const UnitMatrix v{valueRows.gather(in.v), s.keys, s.valueSize};
    const UnitMatrix dy{HeadRows(p, s, s.queries, s.valueSize).gather(p.in(7)), s.queries, s.valueSize};
    float* scores = p.scratch(units * s.queries * s.keys);
    float* gradients = p.scratch(units * s.queries * s.keys);
    multiplyUnits(p, units, q, {k.data, k.rows, k.columns, true}, scores);
    multiplyUnits(p, units, dy, {v.data, v.rows, v.columns, true}, gradients);
    p.each(units * s.queries * s.keys, AttentionScoreGradient{in, p.in(6), products, scores, gradients});
    float* dq = queryRows.before(p.out(0));
    float* dk = keyRows.before(p.out(1));
    float* dv = valueRows.before(p.out(2));
    multiplyUnits(p, units, {gradients, s.queries, s.keys}, k, dq);
    multiplyUnits(p, units, {gradients, s.queries, s.keys, true}, q, dk);
    multiplyUnits(p, units, {scores, s.queries, s.keys, true}, dy, dv);
    queryRows.scatter(dq, p.out(0));
    keyRows.scatter(dk, p.out(1));
    valueRows.scatter(dv, p.out(2));
}

} // namespace

void addAttention(Preparation& p)
{
    const AttentionInputs in = attentionInputs(p);
    const AttentionShape& s = in.s;
    if (keepsScores(p, s))
        addProducts(p, in);
    else
        p.teams(unitsOf(s) * s.queries, Attention{in, p.out(0), p.out(1)},
            {32, AttentionShape::chunk + s.valueSize});
}

void addAttentionBackward(Preparation& p)
{
    AttentionGradientInputs g;
    g.in = attentionInputs(p);
    g.logSum = p.in(6);
    g.dy = p.in(7);
    const AttentionShape& s = g.in.s;
    const int64_t queries = unitsOf(s) * s.queries;
    float* products = p.scratch(queries);
    g.products = products;
    p.each(queries, AttentionProducts{g.in, p.in(5), g.dy, products});
    if (keepsScores(p, s))
        return addProductGradients(p, g.in, products);
    p.teams(queries, AttentionQueryGradient{g, p.out(0)}, {32, AttentionShape::chunk + s.size});
    p.teams(unitsOf(s) * s.keys, AttentionKeyGradient{g, p.out(1), p.out(2)},
        {32, 2 * AttentionShape::chunk + s.size + s.valueSize});
}

} // namespace gradloom::cuda
