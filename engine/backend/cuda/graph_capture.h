#pragma once

#include "engine/backend/cuda/cuda_check.h"

namespace gradloom::cuda {

/// Records what `send` sends to the stream instead of running it. Throws DeviceFailure where something cannot
/// be recorded, and what `send` throws; the stream can be used on then.
template <class Send>
GraphExec captureGraph(cudaStream_t stream, const Send& send)
{
    cudaGraph_t recorded = nullptr;
    try {
        check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capturing a step");
        send();
        check(cudaStreamEndCapture(stream, &recorded), "capturing a step");
        const Graph graph(recorded);
        cudaGraphExec_t ready = nullptr;
        check(cudaGraphInstantiate(&ready, graph.get(), 0), "capturing a step");
        return GraphExec(ready);
    } catch (...) {
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        if (cudaStreamIsCapturing(stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone) {
            cudaStreamEndCapture(stream, &recorded);
            const Graph discarded(recorded);
        }
        cudaGetLastError();
        throw;
    }
}

} // namespace gradloom::cuda
