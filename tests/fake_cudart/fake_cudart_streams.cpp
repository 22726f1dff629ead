#include "tests/fake_cudart/fake_cudart_state.h"

#include <algorithm>

using namespace gradloom::tests;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    *stream = new CUstream_st;
    state().lines.push_back((*stream)->line);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    const Call call;
    finish(*stream->line);
    std::erase(state().lines, stream->line);
    delete stream;
    return call.failure ? answer(call.failure) : cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    Call call(Call::Kind::NotRecorded);
    return answer(call.failure ? call.failure : waitFor(call.lock, stream->line, stream->line->sent()));
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    const Call call(Call::Kind::NotRecorded);
    if (call.failure)
        return answer(call.failure);
    if (stream->line->items.empty())
        return cudaSuccess;
    if (!state().visible.stalled)
        doFirst(*stream->line);
    return answer(cudaErrorNotReady);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    if (stream->recording) { // forks and joins are not pretended
        stream->spoiled = true;
        return answer(cudaErrorStreamCaptureIsolation);
    }
    if (event->line)
        stream->line->items.push_back({{}, event->line, event->place});
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    if (stream->recording || mode != cudaStreamCaptureModeThreadLocal)
        return answer(cudaErrorIllegalState);
    stream->recording = new CUgraph_st;
    stream->spoiled = false;
    state().capturing = stream;
    state().capturer = std::this_thread::get_id();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph)
{
    const Call call;
    *graph = nullptr;
    if (!stream->recording)
        return answer(call.failure ? call.failure : cudaErrorIllegalState);
    std::unique_ptr<CUgraph_st> recorded(stream->recording);
    stream->recording = nullptr;
    state().capturing = nullptr;
    if (call.failure)
        return answer(call.failure);
    if (state().visible.spoiledCaptures > 0) {
        --state().visible.spoiledCaptures;
        stream->spoiled = true;
    }
    if (stream->spoiled)
        return answer(cudaErrorStreamCaptureInvalidated);
    ++state().visible.captures;
    *graph = recorded.release();
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status)
{
    const Call call;
    *status = !stream->recording ? cudaStreamCaptureStatusNone
              : stream->spoiled  ? cudaStreamCaptureStatusInvalidated
                                 : cudaStreamCaptureStatusActive;
    return call.failure ? answer(call.failure) : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* ready, cudaGraph_t graph, unsigned long long)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    *ready = new CUgraphExec_st{graph->work};
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    ++state().visible.graphLaunches;
    for (const Work& work : graph->work)
        send(*stream, work);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    *event = new CUevent_st;
    (*event)->timed = (flags & cudaEventDisableTiming) == 0;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    const Call call;
    if (event->line && !state().visible.lost)
        doUntil(*event->line, event->place); // which writes the time to it
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    if (stream->recording) {
        stream->spoiled = true;
        return answer(cudaErrorStreamCaptureUnsupported);
    }
    send(*stream, [time = event->timed ? &event->time : nullptr] {
        if (time)
            *time = state().clock;
    });
    event->line = stream->line;
    event->place = stream->line->sent();
    event->asked = 0;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    Call call(Call::Kind::NotRecorded);
    if (call.failure)
        return answer(call.failure);
    return answer(event->line ? waitFor(call.lock, event->line, event->place) : cudaSuccess);
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    const Call call(Call::Kind::NotRecorded);
    if (call.failure)
        return answer(call.failure);
    if (event->done())
        return cudaSuccess;
    constexpr int often = 3;
    if (!state().visible.stalled && ++event->asked % often == 0)
        doUntil(*event->line, event->place);
    return answer(cudaErrorNotReady);
}

/// A millisecond for everything that is done.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    if (!begin->timed || !end->timed || !begin->line || !end->line)
        return answer(cudaErrorInvalidResourceHandle);
    if (!begin->done() || !end->done())
        return answer(cudaErrorNotReady);
    *milliseconds = static_cast<float>(end->time - begin->time);
    return cudaSuccess;
}

} // extern "C"
