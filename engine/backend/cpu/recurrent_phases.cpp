#include "engine/backend/cpu/recurrent_phases.h"

#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/recurrent.h"
#include "engine/ir/op_type.h"
#include "engine/ir/recurrent.h"

namespace gradloom::cpu {

namespace {

/// Shares of the batch: more than threads, so that a core that is taken elsewhere for a while holds up a small one
/// only; each large enough to fill tiles, and few where the weights are many, because each share sums their gradients
/// in memory of its own.
int64_t sharesOf(const RecurrentShape& s, int64_t threads)
{
    constexpr int64_t leastSequences = 8;
    constexpr int64_t mostPerThread = 4;
    constexpr int64_t mostFloats = 1 << 20;
    const int64_t gradients = (s.d + s.h + s.biasRows()) * s.columns();
    const int64_t most = std::min({s.n / leastSequences, threads * mostPerThread, mostFloats / gradients});
    return threads == 1 ? 1 : std::min(s.n, std::max(threads, most / threads * threads));
}

RecurrentShape recurrentShapeOf(const Preparation& p)
{
    const Shape& x = p.inShape(0);
    RecurrentShape shape;
    const std::string& id = p.op.type->id;
    if (id.starts_with("lstm"))
        shape.cell = RecurrentCell::Lstm;
    else if (id.starts_with("gru"))
        shape.cell = RecurrentCell::Gru;
    else
        shape.cell = p.op.attributes.text("activation") == "relu" ? RecurrentCell::Relu : RecurrentCell::Tanh;
    shape.n = x[0];
    shape.t = x[1];
    shape.projected = p.op.inputs[1] == ir::noValue;
    shape.d = shape.projected ? 0 : x[2];
    shape.h = p.inShape(2)[0];
    shape.reverse = p.op.attributes.flag("reverse");
    shape.parts = sharesOf(shape, p.threads);
    return shape;
}

/// About how many floating point operations the products with [x, h] take.
double recurrentWork(const RecurrentShape& s)
{
    return 2.0 * static_cast<double>(s.n * s.t) * static_cast<double>((s.d + s.h) * s.columns());
}

/// All steps in one pass over shares of the batch.
std::string sequenceKernelName(const RecurrentShape& shape)
{
    return "sequence " + tileName() + ", " + std::to_string(shape.parts) +
           (shape.parts == 1 ? " share" : " shares");
}

} // namespace

void prepareRecurrent(Preparation& p)
{
    const RecurrentShape shape = recurrentShapeOf(p);
    p.kernel = sequenceKernelName(shape);
    const int64_t packed = p.common(recurrentPackedSize(shape));
    p.perThread(recurrentForwardScratch(shape));
    const auto scratch = p.scratch;
    const auto packedAt = [=] { return reinterpret_cast<float*>(scratch->common) + packed; };
    const bool lstm = shape.cell == RecurrentCell::Lstm;
    const RecurrentWeights weights{p.in(1), p.in(2), p.in(3)};
    RecurrentForwardArgs args;
    args.in = {p.in(0), p.in(4), lstm ? p.in(7) : nullptr, p.in(5), p.in(6)};
    args.y = p.out(0);
    args.lastH = p.out(1);
    args.lastC = lstm ? p.out(2) : nullptr;
    args.reserve = shape.reserveWidth() > 0 ? p.out(p.op.outputs.size() - 1) : nullptr;
    p.phase(recurrentPackUnits(shape), static_cast<double>((shape.d + shape.h) * shape.columns()),
        [=](int64_t begin, int64_t end, int) { recurrentPack(shape, weights, packedAt(), begin, end); });
    p.phase(shape.parts, recurrentWork(shape), [=](int64_t begin, int64_t end, int thread) {
        RecurrentForwardArgs ready = args;
        ready.packed = packedAt();
        ready.scratch = scratch->of(thread);
        recurrentForward(shape, ready, begin, end);
    });
}

void prepareRecurrentBackward(Preparation& p)
{
    const RecurrentShape shape = recurrentShapeOf(p);
    p.kernel = sequenceKernelName(shape);
    const int64_t packed = p.common(recurrentBackwardPackedSize(shape));
    const int64_t partials = p.common(recurrentPartials(shape));
    p.perThread(recurrentBackwardScratch(shape));
    const auto scratch = p.scratch;
    const auto commonAt = [=](int64_t offset) { return reinterpret_cast<float*>(scratch->common) + offset; };
    const bool lstm = shape.cell == RecurrentCell::Lstm;
    const RecurrentWeights weights{p.in(1), p.in(2), nullptr};
    RecurrentBackwardArgs args;
    args.in = {p.in(0), p.in(3), p.in(6), p.in(4), p.in(5)};
    args.y = p.in(7);
    args.reserve = p.in(8);
    args.dy = p.in(9);
    args.dLastH = p.in(10);
    args.dLastC = p.in(11);
    const ir::RecurrentGradientPlaces at(lstm, !shape.projected);
    args.dh0 = p.out(at.state);
    args.dc0 = lstm ? p.out(at.cellState) : nullptr;
    args.dx = p.op.attributes.flag("input_gradient") ? p.out(at.x) : nullptr;
    const RecurrentGradients gradients{
        shape.projected ? nullptr : p.out(at.weights), p.out(at.recurrentWeights), p.out(at.bias)};
    const double weightCount = static_cast<double>((shape.d + shape.h) * shape.columns());
    p.phase(recurrentBackwardPackUnits(shape), weightCount, [=](int64_t begin, int64_t end, int) {
        recurrentBackwardPack(shape, weights, commonAt(packed), begin, end);
    });
    p.phase(shape.parts, 2 * recurrentWork(shape), [=](int64_t begin, int64_t end, int thread) {
        RecurrentBackwardArgs ready = args;
        ready.packed = commonAt(packed);
        ready.partials = commonAt(partials);
        ready.scratch = scratch->of(thread);
        recurrentBackward(shape, ready, begin, end);
    });
    p.phase(recurrentCombineUnits(shape), weightCount * static_cast<double>(shape.parts),
        [=](int64_t begin, int64_t end, int) {
            recurrentCombine(shape, commonAt(partials), gradients, begin, end);
        });
}

} // namespace gradloom::cpu
