#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/depthwise.h"

namespace gradloom::cpu {

namespace {

void prepareDepthwise(Preparation& p, const ConvShape& shape)
{
    p.kernel = "depthwise";
    const DepthwiseArgs args{p.in(0), p.in(1), epilogueOf(p, p.in(2)), p.out()};
    p.phase(depthwiseUnits(shape), convWork(shape),
        [=](int64_t begin, int64_t end, int) { depthwiseForward(shape, args, begin, end); });
    if (p.op.outputs.size() > 1)
        addBatchStatistics(p, {p.outShape().elements() / shape.k, shape.k}, p.out(), {p.out(1), p.out(2)});
}

} // namespace

CpuOp conv2d()
{
    return {"conv2d", [](Preparation& p) {
                const Shape& w = p.inShape(1);
                const ConvShape shape = convShapeOf(p.op, p.inShape(0), w);
                if (isDepthwise(shape) && shape.groups > 1)
                    return prepareDepthwise(p, shape);
                p.kernel = convKernelName(shape);
                const int64_t packed = p.common(convPackedSize(shape));
                p.perThread(convForwardScratch(shape));
                const auto scratch = p.scratch;
                const float* weights = p.in(1);
                p.phase(convPackUnits(shape), static_cast<double>(w.elements()),
                    [=](int64_t begin, int64_t end, int) {
                        convPack(
                            shape, weights, reinterpret_cast<float*>(scratch->common) + packed, begin, end);
                    });
                const ConvForwardArgs args{p.in(0), nullptr, epilogueOf(p, p.in(2)), p.out(), nullptr};
                const int64_t units = convForwardUnits(shape);
                const bool measured = p.op.outputs.size() > 1;
                const int64_t moments = measured ? p.common(units * momentsSize(shape.k)) : 0;
                p.phase(units, convWork(shape), [=](int64_t begin, int64_t end, int thread) {
                    ConvForwardArgs ready = args;
                    auto* common = reinterpret_cast<float*>(scratch->common);
                    ready.packed = common + packed;
                    ready.moments = measured ? common + moments : nullptr;
                    ready.scratch = scratch->of(thread);
                    convForward(shape, ready, begin, end);
                });
                if (!measured)
                    return;
                float* mean = p.out(1);
                float* variance = p.out(2);
                p.phase(1, 0, [=](int64_t, int64_t, int) {
                    const auto* partials = reinterpret_cast<const float*>(scratch->common) + moments;
                    joinMoments(shape.k, units, partials, mean, variance);
                });
            }};
}

} // namespace gradloom::cpu
