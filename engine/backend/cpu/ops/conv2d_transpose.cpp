#include "engine/backend/cpu/cpu_op.h"
#include "engine/backend/cpu/kernel_options.h"
#include "engine/backend/cpu/kernels/depthwise.h"

namespace gradloom::cpu {

CpuOp conv2d_transpose()
{
    return {"conv2d_transpose", [](Preparation& p) {
                const Shape& w = p.inShape(1);
                const ConvShape shape = convShapeOf(p.op, p.outShape(), w);
                const Epilogue epilogue = epilogueOf(p, p.in(2));
                if (isDepthwise(shape) && shape.groups > 1 && epilogue.plain()) {
                    p.kernel = "depthwise";
                    const DepthwiseDataArgs args{p.in(0), p.in(1), p.out()};
                    p.phase(depthwiseDataUnits(shape), convWork(shape), [=](int64_t begin, int64_t end, int) {
                        depthwiseBackwardData(shape, args, begin, end);
                    });
                    return;
                }
                p.kernel = convKernelName(shape);
                const int64_t packed = p.common(convDataPackedSize(shape));
                p.perThread(convDataScratch(shape));
                const auto scratch = p.scratch;
                const float* weights = p.in(1);
                p.phase(convDataPackUnits(shape), static_cast<double>(w.elements()), [=](int64_t begin, int64_t end, int) {
                    convDataPack(shape, weights, reinterpret_cast<float*>(scratch->common) + packed, begin, end);
                });
                const ConvDataArgs args{p.in(0), nullptr, epilogue, p.out(), nullptr};
                p.phase(convDataUnits(shape), convWork(shape), [=](int64_t begin, int64_t end, int thread) {
                    ConvDataArgs ready = args;
                    ready.packed = reinterpret_cast<const float*>(scratch->common) + packed;
                    ready.scratch = scratch->of(thread);
                    convBackwardData(shape, ready, begin, end);
                });
            }};
}

} // namespace gradloom::cpu
