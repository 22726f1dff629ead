#include "engine/backend/cuda/functors/copy.h"
#include "tests/fake_cudnn/fake_cudnn.h"

#include <cstring>

/// Convolutions of the pretended cuDNN. It has two algorithms: 0 takes long and needs nothing, 1 is fast,
/// needs a kilobyte, and its bits may differ from run to run.
struct cudnnFilterStruct
{
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
    int k = 0, c = 0, h = 0, w = 0;

    size_t at(int filter, int channel, int row, int column) const
    {
        return static_cast<size_t>(((filter * h + row) * w + column) * c + channel); // KRSC
    }
};

struct cudnnConvolutionStruct
{
    int padH = 0, padW = 0, strideH = 1, strideW = 1, dilationH = 1, dilationW = 1, groups = 1;
    cudnnMathType_t math = CUDNN_DEFAULT_MATH;
};

namespace gradloom::tests {
namespace {

struct Sizes
{
    cudnnTensorStruct x, y;
    cudnnFilterStruct w;
    cudnnConvolutionStruct how;

    static int extent(int in, int kernel, int pad, int stride, int dilation)
    {
        return (in + 2 * pad - ((kernel - 1) * dilation + 1)) / stride + 1;
    }
    const char* problem() const
    {
        if (x.type != w.type || y.type != w.type || w.format != CUDNN_TENSOR_NHWC)
            return "number formats or layouts";
        if (x.dims[1] != w.c * how.groups || w.k % how.groups != 0 || y.dims[1] != w.k ||
            x.dims[0] != y.dims[0])
            return "channels";
        if (y.dims[2] != extent(x.dims[2], w.h, how.padH, how.strideH, how.dilationH) ||
            y.dims[3] != extent(x.dims[3], w.w, how.padW, how.strideW, how.dilationW))
            return "extents";
        if (w.type == CUDNN_DATA_BFLOAT16 && how.math != CUDNN_TENSOR_OP_MATH)
            return "16-bit numbers need tensor cores";
        return nullptr;
    }

    /// Calls term(x, w, y) with the places of all products.
    template <class Term>
    void forProducts(const Term& term) const
    {
        for (int n = 0; n < y.dims[0]; ++n)
            for (int k = 0; k < w.k; ++k)
                for (int i = 0; i < y.dims[2]; ++i)
                    for (int j = 0; j < y.dims[3]; ++j)
                        forWindow(n, k, i, j, term);
    }

private:
    template <class Term>
    void forWindow(int n, int k, int i, int j, const Term& term) const
    {
        for (int r = 0; r < w.h; ++r)
            for (int s = 0; s < w.w; ++s) {
                const int row = i * how.strideH - how.padH + r * how.dilationH;
                const int column = j * how.strideW - how.padW + s * how.dilationW;
                if (row < 0 || row >= x.dims[2] || column < 0 || column >= x.dims[3])
                    continue;
                for (int c = 0; c < w.c; ++c)
                    term(x.at(n, k / (w.k / how.groups) * w.c + c, row, column), w.at(k, c, r, s),
                        y.at(n, k, i, j));
            }
    }
};

float numberAt(cudnnDataType_t type, const void* from, size_t i)
{
    return type == CUDNN_DATA_FLOAT ? static_cast<const float*>(from)[i]
                                    : cuda::fromBf16(static_cast<const cuda::Bf16*>(from)[i]);
}

/// Sums of products of a and b, by their places, into `size` numbers.
template <class Places>
void accumulate(const Sizes& s, const void* a, const void* b, void* to, size_t size, const Places& places)
{
    const cudnnDataType_t type = s.w.type;
    std::vector<double> sums(size);
    s.forProducts([&](size_t x, size_t w, size_t y) {
        const auto [first, second, result] = places(x, w, y);
        sums[result] += static_cast<double>(numberAt(type, a, first)) * numberAt(type, b, second);
    });
    for (size_t i = 0; i < size; ++i) {
        const auto sum = static_cast<float>(sums[i]);
        if (type == CUDNN_DATA_FLOAT)
            static_cast<float*>(to)[i] = sum;
        else
            static_cast<cuda::Bf16*>(to)[i] = cuda::toBf16(sum);
    }
}

size_t sizeOf(const cudnnTensorStruct& t)
{
    return static_cast<size_t>(t.dims[0] * t.dims[1] * t.dims[2] * t.dims[3]);
}

size_t sizeOf(const cudnnFilterStruct& w)
{
    return static_cast<size_t>(w.k * w.c * w.h * w.w);
}

/// A call of a convolution and what it is done with.
struct Call
{
    const char* function;
    Sizes sizes;
    int algorithm;
    void* workspace;
    size_t workspaceBytes;
    const void *alpha, *beta;
    std::initializer_list<const void*> memory;
};

template <class Work>
cudnnStatus_t run(cudnnHandle_t handle, const Call& call, const Work& work)
{
    const bool fits = call.algorithm == 0 ||
                      (call.algorithm == 1 && call.workspace && call.workspaceBytes >= handle->fastWorkspace);
    const char* problem = call.sizes.problem();
    const cudnnStatus_t status = checkRules(handle, call.function,
        {{!problem, problem}, {areGiven(call.memory), "memory"}, {fits, "workspace"},
            {*static_cast<const float*>(call.alpha) == 1 && *static_cast<const float*>(call.beta) == 0,
                "factors"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    handle->convolutions.push_back(call.algorithm);
    return compute(handle, [work, call, workspace = handle->fastWorkspace] {
        if (call.algorithm == 1)
            std::memset(call.workspace, 0xff, workspace);
        work();
    });
}

/// The algorithms in the order of their speed, behind one that cannot compute.
template <class Found>
cudnnStatus_t list(
    cudnnHandle_t handle, const Sizes& sizes, bool measured, int wanted, int* count, Found* found)
{
    if (const char* problem = sizes.problem())
        return checkRules(handle, "an algorithm is looked for", {{false, problem}});
    if (measured && handle->searchesFail)
        return CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
    *count = 0;
    for (const int algorithm : {2, 1, 0}) {
        if (*count == wanted)
            break;
        Found& one = found[(*count)++];
        one = {};
        one.algo = static_cast<decltype(one.algo)>(algorithm);
        one.status = algorithm == 2 ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS;
        one.time = measured ? static_cast<float>(3 - algorithm) : -1;
        one.memory = algorithm == 1 ? handle->fastWorkspace : 0;
        one.determinism =
            algorithm == 0 || handle->fastIsDeterministic ? CUDNN_DETERMINISTIC : CUDNN_NON_DETERMINISTIC;
        one.mathType = sizes.how.math;
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t workspaceOf(cudnnHandle_t handle, const Sizes& sizes, int algorithm, size_t* bytes)
{
    if (const char* problem = sizes.problem())
        return checkRules(handle, "a workspace is asked for", {{false, problem}});
    *bytes = algorithm == 1 ? handle->fastWorkspace : 0;
    return algorithm < 2 ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

} // namespace
} // namespace gradloom::tests

using namespace gradloom::tests;
using X = const cudnnTensorDescriptor_t;
using W = const cudnnFilterDescriptor_t;
using How = const cudnnConvolutionDescriptor_t;

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* d)
{
    return create(d);
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t d)
{
    return destroy(d);
}

cudnnStatus_t cudnnSetFilter4dDescriptor(
    cudnnFilterDescriptor_t d, cudnnDataType_t type, cudnnTensorFormat_t format, int k, int c, int h, int w)
{
    *d = {type, format, k, c, h, w};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* d)
{
    return create(d);
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t d)
{
    return destroy(d);
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t d, int padH, int padW, int strideH,
    int strideW, int dilationH, int dilationW, cudnnConvolutionMode_t mode, cudnnDataType_t computed)
{
    if (mode != CUDNN_CROSS_CORRELATION || computed != CUDNN_DATA_FLOAT)
        return CUDNN_STATUS_BAD_PARAM;
    *d = {padH, padW, strideH, strideW, dilationH, dilationW, 1, CUDNN_DEFAULT_MATH};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t d, int groups)
{
    d->groups = groups;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t d, cudnnMathType_t math)
{
    d->math = math;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnFindConvolutionForwardAlgorithm(cudnnHandle_t handle, X x, W w, How how, X y, int wanted,
    int* count, cudnnConvolutionFwdAlgoPerf_t* found)
{
    return list(handle, {*x, *y, *w, *how}, true, wanted, count, found);
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, X x, W w, How how, X y, int wanted,
    int* count, cudnnConvolutionFwdAlgoPerf_t* found)
{
    return list(handle, {*x, *y, *w, *how}, false, wanted, count, found);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(
    cudnnHandle_t handle, X x, W w, How how, X y, cudnnConvolutionFwdAlgo_t algorithm, size_t* bytes)
{
    return workspaceOf(handle, {*x, *y, *w, *how}, algorithm, bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, X xDesc, const void* x,
    W wDesc, const void* w, How how, cudnnConvolutionFwdAlgo_t algorithm, void* workspace, size_t bytes,
    const void* beta, X yDesc, void* y)
{
    const Sizes sizes{*xDesc, *yDesc, *wDesc, *how};
    return run(
        handle, {"cudnnConvolutionForward", sizes, algorithm, workspace, bytes, alpha, beta, {x, w, y}}, [=] {
            accumulate(sizes, x, w, y, sizeOf(sizes.y), [](size_t ofX, size_t ofW, size_t ofY) {
                return std::array{ofX, ofW, ofY};
            });
        });
}

cudnnStatus_t cudnnFindConvolutionBackwardDataAlgorithm(cudnnHandle_t handle, W w, X dy, How how, X dx,
    int wanted, int* count, cudnnConvolutionBwdDataAlgoPerf_t* found)
{
    return list(handle, {*dx, *dy, *w, *how}, true, wanted, count, found);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, W w, X dy, How how, X dx,
    int wanted, int* count, cudnnConvolutionBwdDataAlgoPerf_t* found)
{
    return list(handle, {*dx, *dy, *w, *how}, false, wanted, count, found);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(
    cudnnHandle_t handle, W w, X dy, How how, X dx, cudnnConvolutionBwdDataAlgo_t algorithm, size_t* bytes)
{
    return workspaceOf(handle, {*dx, *dy, *w, *how}, algorithm, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, W wDesc, const void* w,
    X dyDesc, const void* dy, How how, cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace, size_t bytes,
    const void* beta, X dxDesc, void* dx)
{
    const Sizes sizes{*dxDesc, *dyDesc, *wDesc, *how};
    return run(handle,
        {"cudnnConvolutionBackwardData", sizes, algorithm, workspace, bytes, alpha, beta, {dy, w, dx}}, [=] {
            accumulate(sizes, dy, w, dx, sizeOf(sizes.x), [](size_t ofX, size_t ofW, size_t ofY) {
                return std::array{ofY, ofW, ofX};
            });
        });
}

cudnnStatus_t cudnnFindConvolutionBackwardFilterAlgorithm(cudnnHandle_t handle, X x, X dy, How how, W dw,
    int wanted, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* found)
{
    return list(handle, {*x, *dy, *dw, *how}, true, wanted, count, found);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, X x, X dy, How how, W dw,
    int wanted, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* found)
{
    return list(handle, {*x, *dy, *dw, *how}, false, wanted, count, found);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(
    cudnnHandle_t handle, X x, X dy, How how, W dw, cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes)
{
    return workspaceOf(handle, {*x, *dy, *dw, *how}, algorithm, bytes);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, X xDesc, const void* x,
    X dyDesc, const void* dy, How how, cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
    size_t bytes, const void* beta, W dwDesc, void* dw)
{
    const Sizes sizes{*xDesc, *dyDesc, *dwDesc, *how};
    return run(handle,
        {"cudnnConvolutionBackwardFilter", sizes, algorithm, workspace, bytes, alpha, beta, {x, dy, dw}},
        [=] {
            accumulate(sizes, x, dy, dw, sizeOf(sizes.w), [](size_t ofX, size_t ofW, size_t ofY) {
                return std::array{ofX, ofY, ofW};
            });
        });
}
