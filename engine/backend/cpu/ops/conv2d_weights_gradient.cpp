#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/depthwise.h"

namespace gradloom::cpu {

namespace {

/// With the weights as third operand: the gradient of the input as well, in the same pass.
void prepareJoined(Preparation& p, const ConvShape& shape)
{
    p.kernel = convKernelName(shape);
    ConvWeightSplit split;
    split.parts = std::max<int64_t>(std::min<int64_t>(p.threads, shape.n), 1);
    const int64_t packed = p.common(winogradDataPackedSize(shape));
    const int64_t partials = p.common(winogradWeightPartials(shape, split));
    p.perThread(winogradGradientsScratch(shape));
    const auto commonAt = [scratch = p.scratch](
                              int64_t at) { return reinterpret_cast<float*>(scratch->common) + at; };
    const float* weights = p.in(2);
    p.phase(winogradDataPackUnits(shape), static_cast<double>(shape.weightSize()),
        [=](int64_t begin, int64_t end, int) {
            winogradDataPack(shape, weights, commonAt(packed), begin, end);
        });
    const WinogradGradientArgs args{p.in(0), p.in(1), nullptr, p.out(2)};
    p.phase(
        split.parts, 2 * convWork(shape), [=, scratch = p.scratch](int64_t begin, int64_t end, int thread) {
            WinogradGradientArgs ready = args;
            ready.packed = commonAt(packed);
            ready.partials = commonAt(partials);
            ready.scratch = scratch->of(thread);
            winogradGradients(shape, split, ready, begin, end);
        });
    ConvWeightArgs reduced;
    reduced.dw = p.out(0);
    reduced.db = p.out(1);
    p.phase(winogradReduceUnits(shape), static_cast<double>(shape.weightSize() * split.parts),
        [=](int64_t begin, int64_t end, int) {
            ConvWeightArgs ready = reduced;
            ready.partials = commonAt(partials);
            winogradReduceWeights(shape, split, ready, begin, end);
        });
}

} // namespace

CpuOp conv2d_weights_gradient()
{
    return {
        "conv2d_weights_gradient", [](Preparation& p) {
            const Shape& w = p.outShape(0);
            const ConvShape shape = convShapeOf(p.op, p.inShape(0), w);
            if (p.has(2))
                return prepareJoined(p, shape);
            if (isDepthwise(shape) && shape.groups > 1) {
                p.kernel = "depthwise";
                const DepthwiseWeightArgs args{p.in(0), p.in(1), p.out(0), p.out(1), false};
                p.phase(depthwiseWeightUnits(shape), convWork(shape), [=](int64_t begin, int64_t end, int) {
                    depthwiseBackwardWeights(shape, args, begin, end);
                });
                return;
            }
            p.kernel = convKernelName(shape);
            const ConvWeightSplit split = convWeightSplit(shape, p.threads);
            const int64_t partials = p.common(convWeightPartials(shape, split));
            p.perThread(convWeightScratch(shape));
            ConvWeightArgs args;
            args.x = p.in(0);
            args.dy = p.in(1);
            args.dw = p.out(0);
            args.db = p.out(1);
            const auto ready = [args, partials, scratch = p.scratch](int thread) {
                ConvWeightArgs r = args;
                r.partials = reinterpret_cast<float*>(scratch->common) + partials;
                r.scratch = scratch->of(thread);
                return r;
            };
            p.phase(split.units(), convWork(shape), [=](int64_t begin, int64_t end, int thread) {
                convBackwardWeights(shape, split, ready(thread), begin, end);
            });
            const double reduceWork = static_cast<double>(shape.weightSize() * split.parts);
            p.phase(convReduceUnits(shape, split), reduceWork, [=](int64_t begin, int64_t end, int thread) {
                convReduceWeights(shape, split, ready(thread), begin, end);
            });
        }};
}

} // namespace gradloom::cpu
