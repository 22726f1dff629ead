#include "engine/backend/cuda/functors/recurrent.h"

#include "engine/backend/cuda/functors/reduce.h"
#include "engine/backend/cuda/op_parts.h"
#include "engine/ir/op_type.h"
#include "engine/ir/recurrent.h"

namespace gradloom::cuda {

namespace {

/// Recurrent weights of so many numbers stay in the caches near a multiprocessor, so that a team can read
/// them in every step of its sequence.
constexpr int64_t cachedWeights = 131072;

/// Operands of the forward primitive and of its adjoint.
struct RecurrentOperandIndex
{
    size_t h0, mask, dropout, c0;
};

RecurrentLayer layerOf(const Preparation& p, const RecurrentOperandIndex& at)
{
    RecurrentLayer l;
    const std::string& id = p.op.type->id;
    if (id.starts_with("lstm"))
        l.kind = RecurrentKind::Lstm;
    else if (id.starts_with("gru"))
        l.kind = RecurrentKind::Gru;
    else
        l.kind = p.op.attributes.text("activation") == "relu" ? RecurrentKind::Relu : RecurrentKind::Tanh;
    l.n = p.inShape(0)[0];
    l.t = p.inShape(0)[1];
    l.h = p.inShape(2)[0];
    l.columns = p.inShape(2)[1];
    l.reserveWidth = l.kind == RecurrentKind::Lstm ? 5 * l.h : l.kind == RecurrentKind::Gru ? 4 * l.h : 0;
    l.reverse = p.op.attributes.flag("reverse");
    l.u = p.in(2);
    l.h0 = p.in(at.h0);
    l.mask = p.in(at.mask);
    l.dropout = p.in(at.dropout);
    l.c0 = l.kind == RecurrentKind::Lstm ? p.in(at.c0) : nullptr;
    return l;
}

/// Whether x comes multiplied with the weights.
bool isProjected(const Preparation& p)
{
    return !p.has(1);
}

ir::RecurrentGradientPlaces gradientPlaces(const Preparation& p, const RecurrentLayer& l)
{
    return {l.kind == RecurrentKind::Lstm, !isProjected(p)};
}

bool staysCached(const RecurrentLayer& l)
{
    return l.h * l.columns <= cachedWeights;
}

/// Threads for one column each, as far as a block has them.
int threadsFor(int64_t columns)
{
    return static_cast<int>(std::clamp<int64_t>((columns + 31) / 32 * 32, 64, 1024));
}

/// sequences × columns from a row of each sequence, `distance` floats apart.
MatrixProduct rowsTimes(int64_t rows, const float* a, int64_t distance, int64_t depth)
{
    MatrixProduct product;
    product.m = rows;
    product.k = depth;
    product.a = a;
    product.lda = distance;
    return product;
}

void addForwardSteps(Preparation& p, const RecurrentForward& f, float* lastH, float* lastC)
{
    const RecurrentLayer& l = f.layer;
    RecurrentStep step;
    step.f = f;
    step.state = p.scratch(l.n * l.h);
    step.cells = p.scratch(l.n * l.h);
    float* products = p.scratch(l.n * l.columns);
    step.products = products;
    p.each(l.n * l.h, RecurrentStart{l, step.state});
    MatrixProduct product = rowsTimes(l.n, step.state, l.h, l.h);
    product.n = l.columns;
    product.b = l.u;
    product.ldb = l.columns;
    product.c = products;
    product.ldc = l.columns;
    const Launch multiply = matrixProduct(p, product);
    for (step.s = 0; step.s < l.t; ++step.s) {
        p.launch(multiply);
        const bool last = step.s == l.t - 1;
        step.lastH = last ? lastH : nullptr;
        step.lastC = last ? lastC : nullptr;
        p.each(l.n * l.h, step);
    }
}

/// Backward through the steps where the weights are too many for one team.
void addBackwardSteps(Preparation& p, const RecurrentSequenceBackward& whole)
{
    const RecurrentLayer& l = whole.b.layer;
    RecurrentStepBackward step;
    step.b = whole.b;
    step.dLastH = whole.dLastH;
    step.dLastC = whole.dLastC;
    step.state = p.scratch(l.n * l.h);
    step.cells = p.scratch(l.n * l.h);
    float* products = p.scratch(l.n * l.h);
    for (step.s = l.t - 1; step.s >= 0; --step.s) {
        p.each(l.n * l.h, step);
        step.products = products;
        MatrixProduct product =
            rowsTimes(l.n, whole.b.dh + l.time(step.s) * l.columns, l.t * l.columns, l.columns);
        product.n = l.h;
        product.b = l.u;
        product.ldb = l.columns;
        product.transB = true;
        product.c = products;
        product.ldc = l.h;
        p.launch(matrixProduct(p, product));
    }
    p.each(l.n * l.h, RecurrentFinishBackward{l, products, step.state, step.cells, whole.dh0, whole.dc0});
}

/// target (rows × columns) = leftᵀ·right, both with one row a step.
void addWeightGradient(Preparation& p, const float* left, int64_t rows, const float* right,
    const RecurrentLayer& l, float* target)
{
    MatrixProduct product;
    product.m = rows;
    product.n = l.columns;
    product.k = l.n * l.t;
    product.a = left;
    product.lda = rows;
    product.transA = true;
    product.b = right;
    product.ldb = l.columns;
    product.c = target;
    product.ldc = l.columns;
    addProduct(p, product);
}

/// Gradients of weights, biases and x from those of the gates' sums.
void addParameterGradients(Preparation& p, const RecurrentBackward& b)
{
    const RecurrentLayer& l = b.layer;
    const ir::RecurrentGradientPlaces at = gradientPlaces(p, l);
    float* operands = p.scratch(l.n * l.t * l.h);
    p.each(l.n * l.t * l.h, RecurrentOperands{l, b.y, operands});
    addWeightGradient(p, operands, l.h, b.dh, l, p.out(at.recurrentWeights));
    addReduction(p, {b.dx, p.out(at.bias), 1, l.n * l.t, l.columns, false, 1});
    if (l.kind == RecurrentKind::Gru)
        addReduction(p, {b.dh, p.out(at.bias) + l.columns, 1, l.n * l.t, l.columns, false, 1});
    if (isProjected(p))
        return;
    const int64_t features = p.inShape(0)[2];
    addWeightGradient(p, p.in(0), features, b.dx, l, p.out(at.weights));
    if (!p.op.attributes.flag("input_gradient"))
        return;
    MatrixProduct product = rowsTimes(l.n * l.t, b.dx, l.columns, l.columns);
    product.n = features;
    product.b = p.in(1);
    product.ldb = l.columns;
    product.transB = true;
    product.c = p.out(at.x);
    product.ldc = features;
    addProduct(p, product);
}

/// x·w and the bias of every step: [n, t, columns].
const float* addSums(Preparation& p, const RecurrentLayer& l)
{
    float* sums = p.scratch(l.n * l.t * l.columns);
    if (isProjected(p)) {
        p.each(l.n * l.t * l.columns, BiasActivation<1>{p.in(0), p.in(3), sums, l.columns, false});
        return sums;
    }
    const int64_t features = p.inShape(0)[2];
    MatrixProduct product = rowsTimes(l.n * l.t, p.in(0), features, features);
    product.n = l.columns;
    product.b = p.in(1);
    product.ldb = l.columns;
    product.c = sums;
    product.ldc = l.columns;
    product.bias = p.in(3);
    addProduct(p, product);
    return sums;
}

} // namespace

void addRecurrent(Preparation& p)
{
    RecurrentForward f;
    f.layer = layerOf(p, {4, 5, 6, 7});
    const RecurrentLayer& l = f.layer;
    f.sums = addSums(p, l);
    f.secondBias = l.kind == RecurrentKind::Gru && p.has(3) ? p.in(3) + l.columns : nullptr;
    f.y = p.out(0);
    f.reserve = l.reserveWidth > 0 ? p.out(p.op.outputs.size() - 1) : nullptr;
    float* lastC = l.kind == RecurrentKind::Lstm ? p.out(2) : nullptr;
    if (staysCached(l))
        p.teams(l.n, RecurrentSequence{f, p.out(1), lastC}, {threadsFor(l.columns), 3 * l.h + l.columns});
    else
        addForwardSteps(p, f, p.out(1), lastC);
}

void addRecurrentBackward(Preparation& p)
{
    RecurrentSequenceBackward whole;
    RecurrentBackward& b = whole.b;
    b.layer = layerOf(p, {3, 4, 5, 6});
    const RecurrentLayer& l = b.layer;
    b.y = p.in(7);
    b.reserve = p.in(8);
    b.dy = p.in(9);
    const ir::RecurrentGradientPlaces at = gradientPlaces(p, l);
    const bool givesSums = isProjected(p) && p.op.attributes.flag("input_gradient");
    b.dx = givesSums ? p.out(at.x) : p.scratch(l.n * l.t * l.columns);
    b.dh = l.kind == RecurrentKind::Gru ? p.scratch(l.n * l.t * l.columns) : b.dx;
    whole.dLastH = p.in(10);
    whole.dLastC = p.in(11);
    whole.dh0 = p.out(at.state);
    whole.dc0 = l.kind == RecurrentKind::Lstm ? p.out(at.cellState) : nullptr;
    if (staysCached(l)) {
        float* transposed = p.scratch(l.h * l.columns);
        p.each(l.h * l.columns, TransposeFloat{l.u, transposed, l.h, l.columns});
        whole.uTransposed = transposed;
        const int threads = threadsFor(l.columns);
        p.teams(l.n, whole, {threads, 2 * l.h + l.columns + threads});
    } else {
        addBackwardSteps(p, whole);
    }
    addParameterGradients(p, b);
}

} // namespace gradloom::cuda
