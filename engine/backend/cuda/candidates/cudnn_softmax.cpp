#include "engine/backend/cuda/aligned_memory.h"
#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/cudnn_descriptors.h"

namespace gradloom::cuda {

namespace {

ImageExtents softmaxExtents(const Shape& x)
{
    ImageExtents rows;
    rows.n = x.elements() / x[-1];
    rows.c = x[-1];
    return rows;
}

/// Packed with the channels outermost, which cuDNN computes fastest; with one pixel it is the same memory.
std::shared_ptr<cudnnTensorStruct> describeRows(const ImageExtents& rows)
{
    return describeImage(rows, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW);
}

Candidate softmaxForward(const char* op, cudnnSoftmaxAlgorithm_t algorithm)
{
    return {"cuDNN softmax", op, [algorithm](Preparation& p) {
                const ImageExtents extents = softmaxExtents(p.inShape(0));
                if (!extents.fit())
                    return false;
                AlignedMemory memory(p);
                const float* x = memory.in(0);
                float* y = memory.out(0);
                p.launch(
                    [=, dnn = p.settings.alternatives->dnn, rows = describeRows(extents)](const Context&) {
                        const float one = 1;
                        const float zero = 0;
                        check(cudnnSoftmaxForward(dnn, algorithm, CUDNN_SOFTMAX_MODE_CHANNEL, &one,
                                  rows.get(), x, &zero, rows.get(), y),
                            "computing a softmax");
                    });
                memory.finish();
                return true;
            }};
}

Candidate softmaxBackward()
{
    return {"cuDNN softmax", "softmax_backward", [](Preparation& p) {
                const ImageExtents extents = softmaxExtents(p.inShape(0));
                if (!extents.fit())
                    return false;
                AlignedMemory memory(p);
                const float* y = memory.in(0);
                const float* dy = memory.in(1);
                float* dx = memory.out(0);
                p.launch(
                    [=, dnn = p.settings.alternatives->dnn, rows = describeRows(extents)](const Context&) {
                        const float one = 1;
                        const float zero = 0;
                        check(cudnnSoftmaxBackward(dnn, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_CHANNEL,
                                  &one, rows.get(), y, rows.get(), dy, &zero, rows.get(), dx),
                            "computing a softmax's gradient");
                    });
                memory.finish();
                return true;
            }};
}

} // namespace

/// The fused softmax and cross-entropy has no counterpart in cuDNN.
Candidates cudnn_softmax()
{
    return {softmaxForward("softmax", CUDNN_SOFTMAX_ACCURATE),
        softmaxForward("log_softmax", CUDNN_SOFTMAX_LOG), softmaxBackward()};
}

} // namespace gradloom::cuda
