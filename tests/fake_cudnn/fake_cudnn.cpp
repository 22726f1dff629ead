#include "tests/fake_cudnn/fake_cudnn.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

struct cudnnPoolingStruct
{
    bool set = false;
    cudnnPoolingMode_t mode = CUDNN_POOLING_MAX;
    int kernel[2] = {}, pad[2] = {}, stride[2] = {};
};

namespace gradloom::tests {

bool areGiven(std::initializer_list<const void*> addresses)
{
    return std::all_of(addresses.begin(), addresses.end(),
        [](const void* address) { return address && reinterpret_cast<uintptr_t>(address) % 16 == 0; });
}

cudnnStatus_t checkRules(cudnnHandle_t handle, const char* function, std::initializer_list<CudnnRule> rules)
{
    if (!handle)
        return CUDNN_STATUS_BAD_PARAM;
    for (const CudnnRule& rule : rules)
        if (!rule.holds) {
            handle->complaints.push_back(std::string(function) + ": " + rule.reason);
            return CUDNN_STATUS_BAD_PARAM;
        }
    return handle->broken == function ? CUDNN_STATUS_NOT_SUPPORTED : CUDNN_STATUS_SUCCESS;
}

namespace {

bool isOneAndZero(const void* alpha, const void* beta)
{
    return alpha && beta && *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
}

bool sameLayout(cudnnTensorDescriptor_t a, cudnnTensorDescriptor_t b)
{
    return a->isImage() && b->isImage() && a->dims == b->dims && a->strides == b->strides;
}

/// Calls visit(n, h, w) for every pixel.
template <class Visit>
void forPixels(cudnnTensorDescriptor_t d, const Visit& visit)
{
    for (int n = 0; n < d->dims[0]; ++n)
        for (int h = 0; h < d->dims[2]; ++h)
            for (int w = 0; w < d->dims[3]; ++w)
                visit(n, h, w);
}

/// Calls visit(h, w) for the part of a window that is not padding.
template <class Visit>
void forWindow(
    const cudnnPoolingStruct& p, cudnnTensorDescriptor_t x, std::pair<int, int> out, const Visit& visit)
{
    const int top = out.first * p.stride[0] - p.pad[0];
    const int left = out.second * p.stride[1] - p.pad[1];
    for (int h = std::max(top, 0); h < std::min(top + p.kernel[0], x->dims[2]); ++h)
        for (int w = std::max(left, 0); w < std::min(left + p.kernel[1], x->dims[3]); ++w)
            visit(h, w);
}

bool fits(const cudnnPoolingStruct& p, cudnnTensorDescriptor_t x, cudnnTensorDescriptor_t y)
{
    for (size_t i = 0; i < 2; ++i)
        if (y->dims[i + 2] != 1 + (x->dims[i + 2] + 2 * p.pad[i] - p.kernel[i]) / p.stride[i])
            return false;
    return x->dims[0] == y->dims[0] && x->dims[1] == y->dims[1];
}

/// By how much the sum of a window is divided.
int divisor(const cudnnPoolingStruct& p, cudnnTensorDescriptor_t x, std::pair<int, int> out)
{
    int count = 0;
    forWindow(p, x, out, [&](int, int) { ++count; });
    return p.mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ? p.kernel[0] * p.kernel[1] : count;
}

bool isMax(cudnnPoolingMode_t mode)
{
    return mode == CUDNN_POOLING_MAX || mode == CUDNN_POOLING_MAX_DETERMINISTIC;
}

struct Statistics
{
    double mean = 0, variance = 0;
};

Statistics statisticsOf(cudnnTensorDescriptor_t d, const float* x, int channel)
{
    Statistics s;
    const double count = static_cast<double>(d->dims[0]) * d->dims[2] * d->dims[3];
    forPixels(d, [&](int n, int h, int w) { s.mean += x[d->at(n, channel, h, w)] / count; });
    forPixels(d,
        [&](int n, int h, int w) { s.variance += std::pow(x[d->at(n, channel, h, w)] - s.mean, 2) / count; });
    return s;
}

bool isByChannel(cudnnTensorDescriptor_t parameters, cudnnTensorDescriptor_t x)
{
    return parameters->isImage() && parameters->dims == std::vector<int>{1, x->dims[1], 1, 1};
}

} // namespace

} // namespace gradloom::tests

using gradloom::tests::checkRules;
using gradloom::tests::forPixels;

extern "C" {

const char* cudnnGetErrorString(cudnnStatus_t status)
{
    return status == CUDNN_STATUS_SUCCESS ? "success" : "refused";
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle)
{
    return gradloom::tests::create(handle);
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    return gradloom::tests::destroy(handle);
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* d)
{
    return gradloom::tests::create(d);
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t d)
{
    return gradloom::tests::destroy(d);
}

cudnnStatus_t cudnnSetTensor4dDescriptor(
    cudnnTensorDescriptor_t d, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c, int h, int w)
{
    if (!d || std::min({n, c, h, w}) < 1)
        return CUDNN_STATUS_BAD_PARAM;
    *d = {true, type, {n, c, h, w}, {c * h * w, h * w, w, 1}};
    if (format == CUDNN_TENSOR_NHWC)
        d->strides = {c * h * w, 1, w * c, c};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetTensorNdDescriptor(
    cudnnTensorDescriptor_t d, cudnnDataType_t type, int rank, const int dims[], const int strides[])
{
    if (!d || rank < 3)
        return CUDNN_STATUS_BAD_PARAM;
    *d = {true, type, {dims, dims + rank}, {strides, strides + rank}};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetTensorNdDescriptor(
    const cudnnTensorDescriptor_t d, int wanted, cudnnDataType_t* type, int* rank, int dims[], int strides[])
{
    if (!d || !d->set)
        return CUDNN_STATUS_BAD_PARAM;
    *type = d->type;
    *rank = static_cast<int>(d->dims.size());
    std::copy_n(d->dims.begin(), std::min(wanted, *rank), dims);
    std::copy_n(d->strides.begin(), std::min(wanted, *rank), strides);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreatePoolingDescriptor(cudnnPoolingDescriptor_t* d)
{
    return gradloom::tests::create(d);
}

cudnnStatus_t cudnnDestroyPoolingDescriptor(cudnnPoolingDescriptor_t d)
{
    return gradloom::tests::destroy(d);
}

cudnnStatus_t cudnnSetPooling2dDescriptor(cudnnPoolingDescriptor_t d, cudnnPoolingMode_t mode,
    cudnnNanPropagation_t, int windowHeight, int windowWidth, int padHeight, int padWidth, int strideHeight,
    int strideWidth)
{
    if (!d || std::min({windowHeight, windowWidth, strideHeight, strideWidth}) < 1 ||
        std::min(padHeight, padWidth) < 0)
        return CUDNN_STATUS_BAD_PARAM;
    *d = {true, mode, {windowHeight, windowWidth}, {padHeight, padWidth}, {strideHeight, strideWidth}};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t p, const void* alpha,
    const cudnnTensorDescriptor_t xDesc, const void* x, const void* beta, const cudnnTensorDescriptor_t yDesc,
    void* y)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnPoolingForward",
        {{isOneAndZero(alpha, beta), "factors"}, {p->set, "pooling"},
            {xDesc->isImage() && yDesc->isImage() && fits(*p, xDesc, yDesc), "sizes"},
            {areGiven({x, y}), "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return compute(handle, [=] {
        forPixels(yDesc, [&](int n, int h, int w) {
            for (int c = 0; c < yDesc->dims[1]; ++c) {
                double sum = 0;
                float best = -std::numeric_limits<float>::infinity();
                forWindow(*p, xDesc, {h, w}, [&](int row, int column) {
                    const float v = static_cast<const float*>(x)[xDesc->at(n, c, row, column)];
                    sum += v;
                    best = v > best || std::isnan(v) ? v : best;
                });
                const double mean = sum / divisor(*p, xDesc, {h, w});
                static_cast<float*>(y)[yDesc->at(n, c, h, w)] =
                    isMax(p->mode) ? best : static_cast<float>(mean);
            }
        });
    });
}

cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t handle, const cudnnPoolingDescriptor_t p, const void* alpha,
    const cudnnTensorDescriptor_t yDesc, const void* y, const cudnnTensorDescriptor_t dyDesc, const void* dy,
    const cudnnTensorDescriptor_t xDesc, const void* x, const void* beta,
    const cudnnTensorDescriptor_t dxDesc, void* dx)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnPoolingBackward",
        {{isOneAndZero(alpha, beta), "factors"}, {p->set && !isMax(p->mode), "pooling"},
            {sameLayout(xDesc, dxDesc) && sameLayout(yDesc, dyDesc) && fits(*p, xDesc, yDesc), "sizes"},
            {areGiven({x, y, dy, dx}), "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return compute(handle, [=] {
        auto* to = static_cast<float*>(dx);
        forPixels(dxDesc, [&](int n, int h, int w) {
            for (int c = 0; c < dxDesc->dims[1]; ++c)
                to[dxDesc->at(n, c, h, w)] = 0;
        });
        forPixels(dyDesc, [&](int n, int h, int w) {
            for (int c = 0; c < dyDesc->dims[1]; ++c) {
                const float g = static_cast<const float*>(dy)[dyDesc->at(n, c, h, w)];
                const auto share = g / static_cast<float>(divisor(*p, xDesc, {h, w}));
                forWindow(*p, xDesc, {h, w},
                    [&](int row, int column) { to[dxDesc->at(n, c, row, column)] += share; });
            }
        });
    });
}

cudnnStatus_t cudnnSoftmaxForward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
    cudnnSoftmaxMode_t mode, const void* alpha, const cudnnTensorDescriptor_t xDesc, const void* x,
    const void* beta, const cudnnTensorDescriptor_t yDesc, void* y)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnSoftmaxForward",
        {{isOneAndZero(alpha, beta), "factors"}, {mode == CUDNN_SOFTMAX_MODE_CHANNEL, "mode"},
            {sameLayout(xDesc, yDesc), "sizes"}, {areGiven({x, y}), "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return compute(handle, [=] {
        const bool logarithm = (algorithm == CUDNN_SOFTMAX_LOG) != (handle->wrong == "cudnnSoftmaxForward");
        forPixels(xDesc, [&](int n, int h, int w) {
            const auto* from = static_cast<const float*>(x);
            double largest = -std::numeric_limits<double>::infinity();
            double sum = 0;
            for (int c = 0; c < xDesc->dims[1]; ++c)
                largest = std::max<double>(largest, from[xDesc->at(n, c, h, w)]);
            for (int c = 0; c < xDesc->dims[1]; ++c)
                sum += std::exp(from[xDesc->at(n, c, h, w)] - largest);
            for (int c = 0; c < xDesc->dims[1]; ++c) {
                const double value = from[xDesc->at(n, c, h, w)] - largest;
                static_cast<float*>(y)[yDesc->at(n, c, h, w)] =
                    static_cast<float>(logarithm ? value - std::log(sum) : std::exp(value) / sum);
            }
        });
    });
}

cudnnStatus_t cudnnSoftmaxBackward(cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm,
    cudnnSoftmaxMode_t mode, const void* alpha, const cudnnTensorDescriptor_t yDesc, const void* y,
    const cudnnTensorDescriptor_t dyDesc, const void* dy, const void* beta,
    const cudnnTensorDescriptor_t dxDesc, void* dx)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnSoftmaxBackward",
        {{isOneAndZero(alpha, beta), "factors"}, {algorithm == CUDNN_SOFTMAX_ACCURATE, "algorithm"},
            {mode == CUDNN_SOFTMAX_MODE_CHANNEL, "mode"},
            {sameLayout(yDesc, dyDesc) && sameLayout(yDesc, dxDesc), "sizes"},
            {areGiven({y, dy, dx}), "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return compute(handle, [=] {
        forPixels(yDesc, [&](int n, int h, int w) {
            const auto* out = static_cast<const float*>(y);
            const auto* gradient = static_cast<const float*>(dy);
            double dot = 0;
            for (int c = 0; c < yDesc->dims[1]; ++c)
                dot += static_cast<double>(out[yDesc->at(n, c, h, w)]) * gradient[dyDesc->at(n, c, h, w)];
            for (int c = 0; c < yDesc->dims[1]; ++c)
                static_cast<float*>(dx)[dxDesc->at(n, c, h, w)] =
                    static_cast<float>(out[yDesc->at(n, c, h, w)] * (gradient[dyDesc->at(n, c, h, w)] - dot));
        });
    });
}

cudnnStatus_t cudnnBatchNormalizationForwardTraining(cudnnHandle_t handle, cudnnBatchNormMode_t mode,
    const void* alpha, const void* beta, const cudnnTensorDescriptor_t xDesc, const void* x,
    const cudnnTensorDescriptor_t yDesc, void* y, const cudnnTensorDescriptor_t parameters, const void* scale,
    const void* bias, double, void* runningMean, void* runningVariance, double epsilon, void* saveMean,
    void* saveInvVariance)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnBatchNormalizationForwardTraining",
        {{isOneAndZero(alpha, beta), "factors"}, {mode == CUDNN_BATCHNORM_SPATIAL, "mode"},
            {sameLayout(xDesc, yDesc) && isByChannel(parameters, xDesc), "sizes"},
            {!runningMean && !runningVariance, "running statistics are not pretended"},
            {epsilon >= CUDNN_BN_MIN_EPSILON, "epsilon"},
            {x != y && areGiven({x, y, scale, bias, saveMean, saveInvVariance}), "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return compute(handle, [=] {
        for (int c = 0; c < xDesc->dims[1]; ++c) {
            const auto* from = static_cast<const float*>(x);
            const Statistics s = statisticsOf(xDesc, from, c);
            const double factor = 1 / std::sqrt(s.variance + epsilon);
            static_cast<float*>(saveMean)[c] = static_cast<float>(s.mean);
            static_cast<float*>(saveInvVariance)[c] = static_cast<float>(factor);
            forPixels(xDesc, [&](int n, int h, int w) {
                const size_t at = xDesc->at(n, c, h, w);
                static_cast<float*>(y)[at] =
                    static_cast<float>((from[at] - s.mean) * factor * static_cast<const float*>(scale)[c] +
                                       static_cast<const float*>(bias)[c]);
            });
        }
    });
}

cudnnStatus_t cudnnBatchNormalizationBackward(cudnnHandle_t handle, cudnnBatchNormMode_t mode,
    const void* alphaData, const void* betaData, const void* alphaParameters, const void* betaParameters,
    const cudnnTensorDescriptor_t xDesc, const void* x, const cudnnTensorDescriptor_t dyDesc, const void* dy,
    const cudnnTensorDescriptor_t dxDesc, void* dx, const cudnnTensorDescriptor_t parameters,
    const void* scale, void* dScale, void* dBias, double epsilon, const void* mean, const void* invVariance)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnBatchNormalizationBackward",
        {{isOneAndZero(alphaData, betaData) && isOneAndZero(alphaParameters, betaParameters), "factors"},
            {mode == CUDNN_BATCHNORM_SPATIAL, "mode"},
            {sameLayout(xDesc, dyDesc) && sameLayout(xDesc, dxDesc) && isByChannel(parameters, xDesc),
                "sizes"},
            {epsilon >= CUDNN_BN_MIN_EPSILON, "epsilon"}, {dx != dy && dx != x, "in place"},
            {areGiven({x, dy, dx, scale, dScale, dBias, mean, invVariance}), "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    return compute(handle, [=] {
        const double count = static_cast<double>(xDesc->dims[0]) * xDesc->dims[2] * xDesc->dims[3];
        for (int c = 0; c < xDesc->dims[1]; ++c) {
            const double factor = static_cast<const float*>(invVariance)[c];
            const auto normal = [&](size_t at) {
                return (static_cast<const float*>(x)[at] - static_cast<const float*>(mean)[c]) * factor;
            };
            double sum = 0;
            double product = 0;
            forPixels(xDesc, [&](int n, int h, int w) {
                const size_t at = xDesc->at(n, c, h, w);
                sum += static_cast<const float*>(dy)[at];
                product += static_cast<const float*>(dy)[at] * normal(at);
            });
            static_cast<float*>(dBias)[c] = static_cast<float>(sum);
            static_cast<float*>(dScale)[c] = static_cast<float>(product);
            forPixels(xDesc, [&](int n, int h, int w) {
                const size_t at = xDesc->at(n, c, h, w);
                static_cast<float*>(dx)[at] = static_cast<float>(
                    static_cast<const float*>(scale)[c] * factor *
                    (static_cast<const float*>(dy)[at] - (sum + normal(at) * product) / count));
            });
        }
    });
}

} // extern "C"
