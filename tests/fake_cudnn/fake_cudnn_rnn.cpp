#include "tests/fake_cudnn/fake_rnn.h"

extern "C" {

cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t* d)
{
    return gradloom::tests::create(d);
}

cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t d)
{
    return gradloom::tests::destroy(d);
}

cudnnStatus_t cudnnSetDropoutDescriptor(
    cudnnDropoutDescriptor_t d, cudnnHandle_t, float rate, void*, size_t, unsigned long long)
{
    *d = {true, rate};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t* d)
{
    return gradloom::tests::create(d);
}

cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t d)
{
    return gradloom::tests::destroy(d);
}

cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t d, cudnnRNNAlgo_t algorithm, cudnnRNNMode_t cell,
    cudnnRNNBiasMode_t bias, cudnnDirectionMode_t direction, cudnnRNNInputMode_t input, cudnnDataType_t type,
    cudnnDataType_t precision, cudnnMathType_t math, int32_t features, int32_t units, int32_t projection,
    int32_t layers, cudnnDropoutDescriptor_t dropout, uint32_t flags)
{
    if (!d || algorithm != CUDNN_RNN_ALGO_STANDARD || direction != CUDNN_UNIDIRECTIONAL ||
        input != CUDNN_LINEAR_INPUT || type != CUDNN_DATA_FLOAT || precision != CUDNN_DATA_FLOAT ||
        (math != CUDNN_DEFAULT_MATH && math != CUDNN_FMA_MATH) || std::min(features, units) < 1 ||
        projection != units || layers != 1 || !dropout || !dropout->set || dropout->rate != 0 ||
        flags != CUDNN_RNN_PADDED_IO_ENABLED)
        return CUDNN_STATUS_BAD_PARAM;
    *d = {true, cell, bias, features, units};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t* d)
{
    return gradloom::tests::create(d);
}

cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t d)
{
    return gradloom::tests::destroy(d);
}

cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t d, cudnnDataType_t type,
    cudnnRNNDataLayout_t layout, int steps, int sequences, int size, const int lengths[], void*)
{
    if (!d || type != CUDNN_DATA_FLOAT || layout != CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED ||
        std::min({steps, sequences, size}) < 1 ||
        std::any_of(lengths, lengths + sequences, [&](int length) { return length != steps; }))
        return CUDNN_STATUS_BAD_PARAM;
    *d = {true, steps, sequences, size};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn,
    cudnnForwardMode_t mode, cudnnRNNDataDescriptor_t x, size_t* work, size_t* reserve)
{
    using namespace gradloom::tests;
    const cudnnStatus_t status = checkRules(handle, "cudnnGetRNNTempSpaceSizes",
        {{rnn->set && x->set && x->size == rnn->features, "descriptors"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    const RnnCall call(handle, *rnn, *x);
    *work = call.workBytes();
    *reserve = mode == CUDNN_FWD_MODE_TRAINING ? call.reserveBytes() : 0;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, size_t* bytes)
{
    *bytes = gradloom::tests::RnnWeights{*rnn, handle->gap}.bytes();
    return rnn->set ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, int32_t layer,
    size_t spaceBytes, const void* space, int32_t id, cudnnTensorDescriptor_t matrix, void** matrixAt,
    cudnnTensorDescriptor_t bias, void** biasAt)
{
    using namespace gradloom::tests;
    const RnnWeights at{*rnn, handle->gap};
    const cudnnStatus_t status = checkRules(handle, "cudnnGetRNNWeightParams",
        {{rnn->set && layer == 0 && id >= 0 && id < 2 * rnn->gates(), "layer"},
            {spaceBytes >= at.bytes(), "size"}, {areGiven({space}) && matrix && bias, "memory"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    auto* floats = static_cast<float*>(const_cast<void*>(space));
    const int columns = id < rnn->gates() ? rnn->features : rnn->units;
    const bool swapMatrices = handle->wrong == "matrices";
    const bool swapBiases = handle->wrong == "biases";
    *matrix = {true, CUDNN_DATA_FLOAT, {1, rnn->units, columns}, {rnn->units * columns, columns, 1}};
    *matrixAt = floats + at.matrix(swapMatrices ? id ^ 1 : id);
    *biasAt = nullptr;
    *bias = {true, CUDNN_DATA_FLOAT, {}, {}};
    if (rnn->hasBias(id / rnn->gates())) {
        *bias = {true, CUDNN_DATA_FLOAT, {1, rnn->units, 1}, {rnn->units, 1, 1}};
        *biasAt = floats + at.bias(swapBiases ? id ^ 1 : id);
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, cudnnForwardMode_t mode,
    const int32_t lengths[], cudnnRNNDataDescriptor_t xDesc, const void* x, cudnnRNNDataDescriptor_t yDesc,
    void* y, cudnnTensorDescriptor_t hDesc, const void* hx, void* hy, cudnnTensorDescriptor_t cDesc,
    const void* cx, void* cy, size_t weightBytes, const void* weights, size_t workBytes, void* work,
    size_t reserveBytes, void* reserve)
{
    using namespace gradloom::tests;
    RnnCall c(handle, *rnn, *xDesc);
    const bool lstm = rnn->cell == CUDNN_LSTM;
    const bool training = mode == CUDNN_FWD_MODE_TRAINING;
    const cudnnStatus_t status = checkRules(handle, "cudnnRNNForward",
        {{rnn->set && !lengths, "lengths on the device"}, {areSequences(c, *xDesc, *yDesc), "sequences"},
            {isState(hDesc, c) && (!lstm || isState(cDesc, c)), "states"}, {lstm || (!cx && !cy), "no cell"},
            {areGiven({x, y}) && mayBe(hx) && mayBe(hy) && mayBe(cx) && mayBe(cy), "memory"},
            {RnnSpace{weightBytes, weights}.holds(c.at.bytes()), "weight space"},
            {RnnSpace{workBytes, work}.holds(c.workBytes()), "work space"},
            {!training || RnnSpace{reserveBytes, reserve}.holds(c.reserveBytes()), "reserve"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    std::vector<float> notes(training ? 0 : c.reserveBytes() / sizeof(float));
    c.weights = static_cast<const float*>(weights);
    c.reserve = training ? static_cast<float*>(reserve) : notes.data();
    c.stage() = 1;
    auto* out = static_cast<float*>(y);
    for (int seq = 0; seq < c.n; ++seq) {
        std::vector<double> cells(static_cast<size_t>(c.h));
        if (cx)
            std::copy_n(static_cast<const float*>(cx) + seq * c.h, c.h, cells.begin());
        for (int step = 0; step < c.t; ++step) {
            const auto before = statesBefore(c, out, static_cast<const float*>(hx), seq, step);
            const float* in = static_cast<const float*>(x) + (seq * c.t + step) * c.d;
            for (int i = 0; i < c.h; ++i)
                out[(seq * c.t + step) * c.h + i] = static_cast<float>(
                    unitForward(c, i, in, before.data(), cells[static_cast<size_t>(i)], c.note(seq, step)));
        }
        for (int i = 0; i < c.h; ++i) {
            if (hy)
                static_cast<float*>(hy)[seq * c.h + i] = out[(seq * c.t + c.t - 1) * c.h + i];
            if (cy)
                static_cast<float*>(cy)[seq * c.h + i] = static_cast<float>(cells[static_cast<size_t>(i)]);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, const int32_t lengths[],
    cudnnRNNDataDescriptor_t yDesc, const void* y, const void* dy, cudnnRNNDataDescriptor_t xDesc, void* dx,
    cudnnTensorDescriptor_t hDesc, const void* hx, const void* dhy, void* dhx, cudnnTensorDescriptor_t cDesc,
    const void* cx, const void* dcy, void* dcx, size_t weightBytes, const void* weights, size_t workBytes,
    void* work, size_t reserveBytes, void* reserve)
{
    using namespace gradloom::tests;
    RnnCall c(handle, *rnn, *xDesc);
    c.weights = static_cast<const float*>(weights);
    c.reserve = static_cast<float*>(reserve);
    const bool lstm = rnn->cell == CUDNN_LSTM;
    const cudnnStatus_t status = checkRules(handle, "cudnnRNNBackwardData_v8",
        {{rnn->set && !lengths, "lengths on the device"}, {areSequences(c, *xDesc, *yDesc), "sequences"},
            {isState(hDesc, c) && (!lstm || isState(cDesc, c)), "states"},
            {lstm || (!cx && !dcy && !dcx), "no cell"},
            {areGiven({y, dy, dx}) && mayBe(hx) && mayBe(dhy) && mayBe(dhx) && mayBe(cx) && mayBe(dcy) &&
                    mayBe(dcx),
                "memory"},
            {RnnSpace{weightBytes, weights}.holds(c.at.bytes()), "weight space"},
            {RnnSpace{workBytes, work}.holds(c.workBytes()), "work space"},
            {RnnSpace{reserveBytes, reserve}.holds(c.reserveBytes()) && c.stage() >= 1, "reserve"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    c.stage() = 2;
    const RnnBackwardData data{static_cast<const float*>(y), static_cast<const float*>(dy),
        static_cast<const float*>(hx), static_cast<const float*>(cx), static_cast<float*>(dx)};
    for (int seq = 0; seq < c.n; ++seq) {
        std::vector<UnitGradient> carried;
        for (int at = seq * c.h; at < (seq + 1) * c.h; ++at)
            carried.push_back({numberOf(dhy, at), numberOf(dcy, at)});
        for (int step = c.t - 1; step >= 0; --step)
            stepBackward(c, data, seq, step, carried);
        for (int i = 0; i < c.h; ++i) {
            if (dhx)
                static_cast<float*>(dhx)[seq * c.h + i] =
                    static_cast<float>(carried[static_cast<size_t>(i)].state);
            if (dcx)
                static_cast<float*>(dcx)[seq * c.h + i] =
                    static_cast<float>(carried[static_cast<size_t>(i)].cell);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn,
    cudnnWgradMode_t mode, const int32_t lengths[], cudnnRNNDataDescriptor_t xDesc, const void* x,
    cudnnTensorDescriptor_t hDesc, const void* hx, cudnnRNNDataDescriptor_t yDesc, const void* y,
    size_t weightBytes, void* gradients, size_t workBytes, void* work, size_t reserveBytes, void* reserve)
{
    using namespace gradloom::tests;
    RnnCall c(handle, *rnn, *xDesc);
    c.reserve = static_cast<float*>(reserve);
    const cudnnStatus_t status = checkRules(handle, "cudnnRNNBackwardWeights_v8",
        {{rnn->set && !lengths, "lengths on the device"}, {mode == CUDNN_WGRAD_MODE_ADD, "mode"},
            {areSequences(c, *xDesc, *yDesc) && isState(hDesc, c), "sequences"},
            {areGiven({x, y}) && mayBe(hx), "memory"},
            {RnnSpace{weightBytes, gradients}.holds(c.at.bytes()), "weight space"},
            {RnnSpace{workBytes, work}.holds(c.workBytes()), "work space"},
            {RnnSpace{reserveBytes, reserve}.holds(c.reserveBytes()) && c.stage() == 2, "reserve"}});
    if (status != CUDNN_STATUS_SUCCESS)
        return status;
    for (int seq = 0; seq < c.n; ++seq)
        for (int step = 0; step < c.t; ++step) {
            const auto before =
                statesBefore(c, static_cast<const float*>(y), static_cast<const float*>(hx), seq, step);
            const float* in = static_cast<const float*>(x) + (seq * c.t + step) * c.d;
            for (int id = 0; id < 2 * c.g; ++id)
                addProducts(c, id, c.gradients(seq, step, id / c.g), id < c.g ? in : before.data(),
                    static_cast<float*>(gradients));
        }
    return CUDNN_STATUS_SUCCESS;
}

} // extern "C"
