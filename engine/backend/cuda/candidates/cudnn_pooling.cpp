#include "engine/backend/cuda/aligned_memory.h"
#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/cudnn_descriptors.h"
#include "engine/backend/cuda/op_parts.h"

namespace gradloom::cuda {

namespace {

/// A pooling as cuDNN takes it.
struct CudnnPooling
{
    std::shared_ptr<cudnnTensorStruct> x, y;
    std::shared_ptr<cudnnPoolingStruct> window;

    CudnnPooling(const WindowShape& s, cudnnPoolingMode_t mode)
        : x(describeImage({s.n, s.h, s.w, s.c})), y(describeImage({s.n, s.oh, s.ow, s.c}))
    {
        cudnnPoolingDescriptor_t descriptor = nullptr;
        check(cudnnCreatePoolingDescriptor(&descriptor), "describing a pooling");
        window = Owned<cudnnPoolingDescriptor_t, cudnnDestroyPoolingDescriptor>(descriptor);
        const auto number = [](int64_t value) { return static_cast<int>(value); };
        check(cudnnSetPooling2dDescriptor(descriptor, mode, CUDNN_PROPAGATE_NAN, number(s.kh), number(s.kw),
                  number(s.padTop), number(s.padLeft), number(s.strideH), number(s.strideW)),
            "describing a pooling");
    }
};

/// cuDNN pads both sides alike. What is padded at the end counts only in how many windows there are; a window
/// of padding alone has no mean.
bool canCudnnPool(const WindowShape& s)
{
    const auto windows = [](int64_t size, int64_t pad, int64_t kernel, int64_t stride) {
        return (size + 2 * pad - kernel) / stride + 1;
    };
    return windows(s.h, s.padTop, s.kh, s.strideH) == s.oh &&
           windows(s.w, s.padLeft, s.kw, s.strideW) == s.ow && s.padTop < s.kh && s.padLeft < s.kw &&
           ImageExtents{s.n, s.h, s.w, s.c}.fit();
}

bool addPoolingForward(Preparation& p, cudnnPoolingMode_t mode)
{
    const WindowShape s = poolingShape(p.op, p.inShape(0));
    if (!canCudnnPool(s))
        return false;
    AlignedMemory memory(p);
    const float* x = memory.in(0);
    float* y = memory.out(0);
    p.launch([=, dnn = p.settings.alternatives->dnn, pooling = CudnnPooling(s, mode)](const Context&) {
        const float one = 1;
        const float zero = 0;
        check(cudnnPoolingForward(
                  dnn, pooling.window.get(), &one, pooling.x.get(), x, &zero, pooling.y.get(), y),
            "pooling");
    });
    memory.finish();
    return true;
}

bool addMeanBackward(Preparation& p)
{
    const WindowShape s = poolingShape(p.op, p.outShape());
    if (!canCudnnPool(s))
        return false;
    AlignedMemory memory(p);
    const float* dy = memory.in(0);
    float* dx = memory.out(0);
    const CudnnPooling pooling(s, CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING);
    p.launch([=, dnn = p.settings.alternatives->dnn](const Context&) {
        const float one = 1;
        const float zero = 0;
        // x and y do not enter the adjoint of a mean: any memory of their sizes stands for them.
        check(cudnnPoolingBackward(dnn, pooling.window.get(), &one, pooling.y.get(), dy, pooling.y.get(), dy,
                  pooling.x.get(), dx, &zero, pooling.x.get(), dx),
            "computing a pooling's gradient");
    });
    memory.finish();
    return true;
}

} // namespace

/// Where each maximum was is no result of cuDNN, whose adjoint asks for x and y instead, which training does
/// not keep: maxima are a matter for it where nobody asks for the places, outside training.
Candidates cudnn_pooling()
{
    return {{"cuDNN pooling", "max_pool2d",
                [](Preparation& p) {
                    return !p.isRead(1) && addPoolingForward(p, CUDNN_POOLING_MAX_DETERMINISTIC);
                }},
        {"cuDNN pooling", "avg_pool2d",
            [](Preparation& p) { return addPoolingForward(p, CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING); }},
        {"cuDNN pooling", "avg_pool2d_backward", addMeanBackward}};
}

} // namespace gradloom::cuda
