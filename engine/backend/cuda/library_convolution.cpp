#include "engine/backend/cuda/cudnn_descriptors.h"
#include "engine/backend/cuda/libraries.h"
#include "engine/backend/cuda/library.h"

#include <array>

namespace gradloom::cuda {

namespace {

using FilterDescriptor = Owned<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor = Owned<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor>;

FilterDescriptor describeWeights(cudnnDataType_t type, const WindowShape& s)
{
    cudnnFilterDescriptor_t descriptor = nullptr;
    check(cudnnCreateFilterDescriptor(&descriptor), "describing weights");
    FilterDescriptor owner(descriptor);
    check(cudnnSetFilter4dDescriptor(descriptor, type, CUDNN_TENSOR_NHWC, static_cast<int>(s.k),
              static_cast<int>(s.c / s.groups), static_cast<int>(s.kh), static_cast<int>(s.kw)),
        "describing weights");
    return owner;
}

ConvolutionDescriptor describeConvolution(const WindowShape& s)
{
    cudnnConvolutionDescriptor_t descriptor = nullptr;
    check(cudnnCreateConvolutionDescriptor(&descriptor), "describing a convolution");
    ConvolutionDescriptor owner(descriptor);
    check(cudnnSetConvolution2dDescriptor(descriptor, static_cast<int>(s.padTop), static_cast<int>(s.padLeft),
              static_cast<int>(s.strideH), static_cast<int>(s.strideW), static_cast<int>(s.dilationH),
              static_cast<int>(s.dilationW), CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
        "describing a convolution");
    check(cudnnSetConvolutionGroupCount(descriptor, static_cast<int>(s.groups)), "describing a convolution");
    return owner;
}

cudnnMathType_t mathType(const LibraryConvolution& c, const Settings& settings)
{
    if (c.number == Number::Bf16)
        return CUDNN_TENSOR_OP_MATH;
    return settings.precision == backend::Precision::Float32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
}

/// Where the same bits are asked for every time, the choice may not depend on how much memory is left over:
/// every convolution gets so much for its workspace, neither less nor more.
constexpr int64_t deterministicWorkspace = int64_t{32} << 20;

class Convolution
{
public:
    Convolution(const LibraryConvolution& c, const Settings& settings)
        : m_c(c), m_dnn(settings.libraries->dnn()), m_deterministic(settings.deterministic),
          m_type(c.number == Number::Bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT),
          m_x(describeImage({c.shape.n, c.shape.h, c.shape.w, c.shape.c}, m_type)),
          m_y(describeImage({c.shape.n, c.shape.oh, c.shape.ow, c.shape.k}, m_type)),
          m_weights(describeWeights(m_type, c.shape)), m_convolution(describeConvolution(c.shape)),
          m_math(mathType(c, settings))
    {
    }

    /// Tries every algorithm on the device, in memory that cuDNN takes for it and gives back. Where the
    /// search itself fails, for example for want of memory, cuDNN's estimates are taken; likewise where
    /// results must have the same bits every time, because two measurements may end differently.
    Measured measure() const
    {
        setMath(m_math);
        switch (m_c.pass) {
        case ConvolutionPass::Forward:
            return results<cudnnConvolutionFwdAlgoPerf_t>(
                [this](int wanted, int* count, auto* found) {
                    return cudnnFindConvolutionForwardAlgorithm(m_dnn, m_x.get(), m_weights.get(),
                        m_convolution.get(), m_y.get(), wanted, count, found);
                },
                [this](int wanted, int* count, auto* found) {
                    return cudnnGetConvolutionForwardAlgorithm_v7(m_dnn, m_x.get(), m_weights.get(),
                        m_convolution.get(), m_y.get(), wanted, count, found);
                });
        case ConvolutionPass::Data:
            return results<cudnnConvolutionBwdDataAlgoPerf_t>(
                [this](int wanted, int* count, auto* found) {
                    return cudnnFindConvolutionBackwardDataAlgorithm(m_dnn, m_weights.get(), m_y.get(),
                        m_convolution.get(), m_x.get(), wanted, count, found);
                },
                [this](int wanted, int* count, auto* found) {
                    return cudnnGetConvolutionBackwardDataAlgorithm_v7(m_dnn, m_weights.get(), m_y.get(),
                        m_convolution.get(), m_x.get(), wanted, count, found);
                });
        case ConvolutionPass::Weights:
            return results<cudnnConvolutionBwdFilterAlgoPerf_t>(
                [this](int wanted, int* count, auto* found) {
                    return cudnnFindConvolutionBackwardFilterAlgorithm(m_dnn, m_x.get(), m_y.get(),
                        m_convolution.get(), m_weights.get(), wanted, count, found);
                },
                [this](int wanted, int* count, auto* found) {
                    return cudnnGetConvolutionBackwardFilterAlgorithm_v7(m_dnn, m_x.get(), m_y.get(),
                        m_convolution.get(), m_weights.get(), wanted, count, found);
                });
        }
        return {};
    }

    void use(const MeasuredAlgorithm& algorithm, void* workspace)
    {
        m_algorithm = algorithm;
        m_workspace = workspace;
        setMath(static_cast<cudnnMathType_t>(algorithm.mathType));
    }

    void run() const
    {
        const float one = 1;
        const float zero = 0;
        const auto bytes = static_cast<size_t>(m_algorithm.workspaceBytes);
        switch (m_c.pass) {
        case ConvolutionPass::Forward:
            check(cudnnConvolutionForward(m_dnn, &one, m_x.get(), m_c.x, m_weights.get(), m_c.weights,
                      m_convolution.get(), static_cast<cudnnConvolutionFwdAlgo_t>(m_algorithm.algorithm),
                      m_workspace, bytes, &zero, m_y.get(), m_c.y),
                "computing a convolution");
            break;
        case ConvolutionPass::Data:
            check(cudnnConvolutionBackwardData(m_dnn, &one, m_weights.get(), m_c.weights, m_y.get(), m_c.y,
                      m_convolution.get(), static_cast<cudnnConvolutionBwdDataAlgo_t>(m_algorithm.algorithm),
                      m_workspace, bytes, &zero, m_x.get(), m_c.x),
                "computing a convolution's gradient");
            break;
        case ConvolutionPass::Weights:
            check(
                cudnnConvolutionBackwardFilter(m_dnn, &one, m_x.get(), m_c.x, m_y.get(), m_c.y,
                    m_convolution.get(), static_cast<cudnnConvolutionBwdFilterAlgo_t>(m_algorithm.algorithm),
                    m_workspace, bytes, &zero, m_weights.get(), m_c.weights),
                "computing a convolution's gradient");
            break;
        }
    }

private:
    void setMath(cudnnMathType_t type) const
    {
        check(cudnnSetConvolutionMathType(m_convolution.get(), type), "describing a convolution");
    }

    /// The algorithms that can be used; there may be none, which is no failure: there is another way to
    /// compute.
    template <class Found, class Search, class Estimate>
    Measured results(const Search& search, const Estimate& estimate) const
    {
        std::array<Found, 16> found{};
        const auto wanted = static_cast<int>(found.size());
        int count = 0;
        Measured measured;
        bool searched = false;
        if (!m_deterministic) {
            const cudnnStatus_t status = search(wanted, &count, found.data());
            searched = status == CUDNN_STATUS_SUCCESS;
            measured.complete = !lacksMemory(status);
        }
        if (!searched && estimate(wanted, &count, found.data()) != CUDNN_STATUS_SUCCESS)
            count = 0;
        cudaGetLastError(); // a search that found no memory leaves its error behind
        for (int i = 0; i < count; ++i) {
            const Found& f = found[static_cast<size_t>(i)];
            measured.complete = measured.complete && !lacksMemory(f.status);
            if (f.status != CUDNN_STATUS_SUCCESS)
                continue;
            // Estimates come in the order of their expected speed; they may have no times.
            MeasuredAlgorithm algorithm{static_cast<int>(f.algo), static_cast<int>(mathOf(f.mathType)), 0,
                searched ? f.time : static_cast<float>(i), f.determinism == CUDNN_DETERMINISTIC,
                f.mathType == mathOf(f.mathType)};
            if (takeWorkspace(algorithm))
                measured.algorithms.push_back(algorithm);
        }
        return measured;
    }

    /// The arithmetic that will compute where `found` was measured: cuDNN also finds shorter numbers than
    /// those that are allowed.
    cudnnMathType_t mathOf(cudnnMathType_t found) const
    {
        return m_math == CUDNN_FMA_MATH ? CUDNN_FMA_MATH : found;
    }

    /// What the algorithm needs as it will compute, which may be other than as it was measured; false where
    /// it cannot compute so.
    bool takeWorkspace(MeasuredAlgorithm& algorithm) const
    {
        setMath(static_cast<cudnnMathType_t>(algorithm.mathType));
        size_t bytes = 0;
        cudnnStatus_t status = CUDNN_STATUS_NOT_SUPPORTED;
        switch (m_c.pass) {
        case ConvolutionPass::Forward:
            status = cudnnGetConvolutionForwardWorkspaceSize(m_dnn, m_x.get(), m_weights.get(),
                m_convolution.get(), m_y.get(), static_cast<cudnnConvolutionFwdAlgo_t>(algorithm.algorithm),
                &bytes);
            break;
        case ConvolutionPass::Data:
            status = cudnnGetConvolutionBackwardDataWorkspaceSize(m_dnn, m_weights.get(), m_y.get(),
                m_convolution.get(), m_x.get(),
                static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm.algorithm), &bytes);
            break;
        case ConvolutionPass::Weights:
            status = cudnnGetConvolutionBackwardFilterWorkspaceSize(m_dnn, m_x.get(), m_y.get(),
                m_convolution.get(), m_weights.get(),
                static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm.algorithm), &bytes);
            break;
        }
        algorithm.workspaceBytes = static_cast<int64_t>(bytes);
        return status == CUDNN_STATUS_SUCCESS;
    }

    LibraryConvolution m_c;
    cudnnHandle_t m_dnn;
    bool m_deterministic;
    cudnnDataType_t m_type;
    TensorDescriptor m_x, m_y;
    FilterDescriptor m_weights;
    ConvolutionDescriptor m_convolution;
    cudnnMathType_t m_math; ///< the shortest numbers allowed
    MeasuredAlgorithm m_algorithm;
    void* m_workspace = nullptr;
};

} // namespace

std::optional<Launch> libraryConvolution(Preparation& p, const LibraryConvolution& c)
{
    const WindowShape& s = c.shape;
    if (!ImageExtents{s.n, s.h, s.w, s.c}.fit() || !ImageExtents{s.n, s.oh, s.ow, s.k}.fit())
        return std::nullopt;
    if (p.settings.libraries == nullptr) { // it is asked how much memory suffices
        p.workspace(p.settings.deterministic ? deterministicWorkspace : 0);
        return [](const Context&) {};
    }
    auto convolution = std::make_shared<Convolution>(c, p.settings);
    const auto& measured = p.settings.libraries->algorithms().find(
        AlgorithmCache::key(c, p.settings), [&] { return convolution->measure(); });
    const int64_t most = p.settings.deterministic ? deterministicWorkspace : workspaceLimit;
    const auto chosen =
        chooseAlgorithm(measured, std::min(most, p.workspaceLeft()), p.settings.deterministic);
    if (!chosen)
        return std::nullopt;
    convolution->use(*chosen, p.workspace(chosen->workspaceBytes));
    return [convolution](const Context&) { convolution->run(); };
}

} // namespace gradloom::cuda
