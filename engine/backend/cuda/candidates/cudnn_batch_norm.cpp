#include "engine/backend/cuda/aligned_memory.h"
#include "engine/backend/cuda/alternatives.h"
#include "engine/backend/cuda/cudnn_descriptors.h"
#include "engine/backend/cuda/functors/pointwise.h"
#include "engine/backend/cuda/op_parts.h"
#include "engine/ir/op_type.h"

namespace gradloom::cuda {

namespace {

/// The persistent mode sums in scaled integers, which may overflow: what a trial with other numbers cannot
/// tell.
constexpr cudnnBatchNormMode_t batchNormMode = CUDNN_BATCHNORM_SPATIAL;

struct CudnnBatchNorm
{
    std::shared_ptr<cudnnTensorStruct> image, channels;
    double epsilon;
};

std::optional<CudnnBatchNorm> describeBatchNorm(const Preparation& p)
{
    const Shape& x = p.inShape(0);
    const ImageExtents image{x[0], x.elements() / x[0] / x[-1], 1, x[-1]};
    const double epsilon = p.op.attributes.real("epsilon");
    // With the activation in it, cuDNN takes 16-bit numbers only.
    if (hasRelu(p) || !image.fit() || epsilon < CUDNN_BN_MIN_EPSILON)
        return std::nullopt;
    ImageExtents channels;
    channels.c = x[-1];
    return CudnnBatchNorm{describeImage(image), describeImage(channels), epsilon};
}

/// Functions of one number, one behind the other, over `size` numbers.
void addFunctions(Preparation& p, const float* from, float* to, int64_t size,
    std::initializer_list<std::pair<PointwiseFn, float>> functions)
{
    PointwiseChain chain;
    chain.size = size;
    chain.inputs = chain.outputs = 1;
    chain.in[0] = from;
    chain.out[0] = to;
    chain.period[0] = size;
    for (const auto& [fn, alpha] : functions)
        chain.step[chain.steps++] = {fn, 0, 0, false, alpha};
    p.each(size, PointwiseGroups<1>{chain});
}

bool addBatchNormForward(Preparation& p)
{
    const auto norm = describeBatchNorm(p);
    if (!norm)
        return false;
    AlignedMemory memory(p);
    const float* x = memory.in(0);
    const float* gamma = memory.in(1);
    const float* beta = memory.in(2);
    float* y = memory.out(0);
    float* mean = memory.out(1);
    const int64_t channels = p.outShape(1).elements();
    float* rstd = p.scratch(channels);
    p.launch([=, norm = *norm, dnn = p.settings.alternatives->dnn](const Context&) {
        const float one = 1;
        const float zero = 0;
        check(cudnnBatchNormalizationForwardTraining(dnn, batchNormMode, &one, &zero, norm.image.get(), x,
                  norm.image.get(), y, norm.channels.get(), gamma, beta, 1, nullptr, nullptr, norm.epsilon,
                  mean, rstd),
            "normalising");
    });
    memory.finish();
    const auto epsilon = static_cast<float>(norm->epsilon);
    addFunctions(p, rstd, p.out(2), channels,
        {{PointwiseFn::Square, 0}, {PointwiseFn::Reciprocal, 0}, {PointwiseFn::Offset, -epsilon},
            {PointwiseFn::Relu, 0}});
    return true;
}

bool addBatchNormBackward(Preparation& p)
{
    const auto norm = describeBatchNorm(p);
    if (!norm)
        return false;
    AlignedMemory memory(p);
    const float* x = memory.in(0);
    const float* gamma = memory.in(1);
    const float* mean = memory.in(2);
    const float* dy = memory.in(4);
    float* dx = p.out(0) == p.in(4) ? memory.apart(0) : memory.out(0); // not known to work in place
    float* dgamma = memory.out(1);
    float* dbeta = memory.out(2);
    const int64_t channels = p.outShape(1).elements();
    float* rstd = p.scratch(channels);
    const auto epsilon = static_cast<float>(norm->epsilon);
    addFunctions(p, p.in(3), rstd, channels, {{PointwiseFn::Offset, epsilon}, {PointwiseFn::Rsqrt, 0}});
    p.launch([=, norm = *norm, dnn = p.settings.alternatives->dnn](const Context&) {
        const float one = 1;
        const float zero = 0;
        check(cudnnBatchNormalizationBackward(dnn, batchNormMode, &one, &zero, &one, &zero, norm.image.get(),
                  x, norm.image.get(), dy, norm.image.get(), dx, norm.channels.get(), gamma, dgamma, dbeta,
                  norm.epsilon, mean, rstd),
            "computing a normalisation's gradient");
    });
    memory.finish();
    return true;
}

} // namespace

/// Both directions together: the adjoint is tried with the statistics of its x.
Candidates cudnn_batch_norm()
{
    return {{"cuDNN batch norm", "batch_norm",
        [](Preparation& p) {
            return p.op.type->id == "batch_norm" ? addBatchNormForward(p) : addBatchNormBackward(p);
        },
        Candidate::Adjoint{"batch_norm_backward", 2, 1}}};
}

} // namespace gradloom::cuda
