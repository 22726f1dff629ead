#include "tests/fake_cudart/fake_cudart.h"

#include "engine/base/philox.h"
#include "tests/engine/emulated_cuda.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace gradloom::tests {
namespace {

using Work = std::function<void()>;

constexpr std::chrono::seconds patience{10};

/// What was sent to a stream, in order.
struct Line
{
    /// Something to do, or another line to wait for.
    struct Item
    {
        Work work;
        std::shared_ptr<Line> other = {};
        int64_t place = 0; ///< items of the other that are to be done
    };

    std::deque<Item> items; ///< that are not done
    int64_t done = 0;

    int64_t sent() const { return done + static_cast<int64_t>(items.size()); }
};

struct Blocks
{
    std::map<std::byte*, int64_t> bytes;

    bool contain(const void* from, size_t count) const
    {
        const auto* first = static_cast<const std::byte*>(from);
        auto next = bytes.upper_bound(const_cast<std::byte*>(first));
        if (next == bytes.begin())
            return false;
        --next;
        return first + count <= next->first + next->second;
    }
};

struct State
{
    FakeCudart visible;
    std::mutex mutex; ///< of everything here
    std::condition_variable changed;
    std::vector<std::shared_ptr<Line>> lines;
    Blocks device, pinned;
    Random random{1};
    int64_t clock = 0; ///< goes on with everything that is done
    int stalledWaiters = 0;
    CUstream_st* capturing = nullptr; ///< by `capturer`
    std::thread::id capturer;
};

State& state()
{
    static State all;
    return all;
}

thread_local cudaError_t lastError = cudaSuccess;

cudaError_t answer(cudaError_t status)
{
    if (status != cudaSuccess)
        lastError = status;
    return status;
}

void doFirst(Line& line)
{
    const Line::Item item = std::move(line.items.front());
    line.items.pop_front();
    ++line.done;
    ++state().clock;
    if (item.work)
        item.work();
}

/// Does what is in front of a place, and no more.
void doUntil(Line& line, int64_t place)
{
    while (line.done < place) {
        if (const auto& first = line.items.front(); first.other)
            doUntil(*first.other, first.place);
        doFirst(line);
    }
}

/// What a device may have got done meanwhile.
void letChanceWork()
{
    State& s = state();
    if (s.visible.chance == 0 || s.visible.stalled || s.visible.lost)
        return;
    while (!s.lines.empty() && s.random.below(2) == 0) {
        Line& line = *s.lines[static_cast<size_t>(s.random.below(static_cast<uint32_t>(s.lines.size())))];
        if (line.items.empty() ||
            (line.items.front().other && line.items.front().other->done < line.items.front().place))
            continue;
        doFirst(line);
    }
}

/// As the host waits.
cudaError_t waitFor(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Line>& line, int64_t place)
{
    State& s = state();
    if (line->done >= place)
        return s.visible.lost ? cudaErrorLaunchFailure : cudaSuccess;
    ++s.visible.waits;
    if (s.visible.stalled) {
        ++s.stalledWaiters;
        s.changed.notify_all();
        if (!s.changed.wait_for(lock, patience, [&] { return !s.visible.stalled; }))
            s.visible.gaveUp = true;
        --s.stalledWaiters;
    }
    if (s.visible.lost)
        return cudaErrorLaunchFailure;
    doUntil(*line, place);
    return cudaSuccess;
}

} // namespace
} // namespace gradloom::tests

struct CUstream_st
{
    std::shared_ptr<gradloom::tests::Line> line = std::make_shared<gradloom::tests::Line>();
    CUgraph_st* recording = nullptr;
    bool spoiled = false; ///< what is being recorded
};

struct CUevent_st
{
    bool timed = false;
    std::shared_ptr<gradloom::tests::Line> line; ///< in which it was recorded last
    int64_t place = 0;
    int64_t time = 0; ///< of the last record
    int asked = 0;

    bool done() const { return !line || line->done >= place; }
};

struct CUgraph_st
{
    std::vector<std::function<void()>> work;
};

struct CUgraphExec_st
{
    std::vector<std::function<void()>> work;
};

namespace gradloom::tests {
namespace {

/// While this thread records, calls that are no part of a graph spoil the recording.
bool spoils()
{
    State& s = state();
    if (!s.capturing || s.capturer != std::this_thread::get_id())
        return false;
    s.capturing->spoiled = true;
    return true;
}

/// Locks, and answers for calls that fail whatever they are given.
class Call
{
public:
    enum class Kind { Any, NotRecorded };
    explicit Call(Kind kind = Kind::Any) : lock(state().mutex)
    {
        if (state().visible.lost)
            failure = cudaErrorLaunchFailure;
        else if (kind == Kind::NotRecorded && spoils())
            failure = cudaErrorStreamCaptureUnsupported;
        else
            letChanceWork();
    }
    std::unique_lock<std::mutex> lock;
    cudaError_t failure = cudaSuccess;
};

void send(CUstream_st& stream, Work work)
{
    if (stream.recording)
        stream.recording->work.push_back(std::move(work));
    else
        stream.line->items.push_back({std::move(work)});
}

void finish(Line& line)
{
    if (!state().visible.lost)
        doUntil(line, line.sent());
    line.done = line.sent();
    line.items.clear();
}

/// A kernel or what a library launches.
void sendLaunch(void* stream, Work work)
{
    const Call call;
    auto& to = *static_cast<CUstream_st*>(stream);
    int& spoiled = state().visible.spoiledLaunches;
    if (call.failure) {
        lastError = call.failure;
    } else if (to.recording && !to.spoiled && spoiled > 0) {
        --spoiled;
        to.spoiled = true;
        lastError = cudaErrorStreamCaptureUnsupported;
    } else {
        send(to, std::move(work));
    }
}

cudaError_t take(void** memory, size_t bytes, bool onDevice)
{
    const Call call(Call::Kind::NotRecorded);
    if (call.failure)
        return answer(call.failure);
    State& s = state();
    int64_t& taken = onDevice ? s.visible.taken : s.visible.pinned;
    const auto size = static_cast<int64_t>(bytes);
    if (taken + size > (onDevice ? s.visible.memory : s.visible.pinnable))
        return answer(cudaErrorMemoryAllocation);
    taken += size;
    *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(*memory, 0xff, bytes); // NaN
    (onDevice ? s.device : s.pinned).bytes[static_cast<std::byte*>(*memory)] = size;
    return cudaSuccess;
}

/// Memory is freed when nothing that was sent can use it any more.
cudaError_t give(void* memory, bool onDevice)
{
    const Call call(Call::Kind::NotRecorded);
    State& s = state();
    for (const auto& line : s.lines)
        finish(*line);
    auto& blocks = (onDevice ? s.device : s.pinned).bytes;
    const auto block = blocks.find(static_cast<std::byte*>(memory));
    if (block == blocks.end())
        return answer(memory ? cudaErrorInvalidValue : cudaSuccess);
    (onDevice ? s.visible.taken : s.visible.pinned) -= block->second;
    blocks.erase(block);
    std::free(memory);
    return call.failure ? answer(call.failure) : cudaSuccess;
}

} // namespace

FakeCudart& fakeCudart()
{
    return state().visible;
}

int64_t unfinishedWork()
{
    const std::lock_guard lock(state().mutex);
    int64_t count = 0;
    for (const auto& line : state().lines)
        count += static_cast<int64_t>(line->items.size());
    return count;
}

void awaitStalledWaiter()
{
    State& s = state();
    std::unique_lock lock(s.mutex);
    if (!s.changed.wait_for(lock, patience, [&] { return s.stalledWaiters > 0; }))
        s.visible.gaveUp = true;
}

void resume()
{
    const std::lock_guard lock(state().mutex);
    state().visible.stalled = false;
    state().changed.notify_all();
}

FreshCudart::FreshCudart()
{
    sendToStream = sendLaunch;
    state().visible = {};
    state().random = Random(1);
    lastError = cudaSuccess;
}

FreshCudart::~FreshCudart()
{
    state().visible = {};
    sendToStream = nullptr;
}

} // namespace gradloom::tests

using namespace gradloom::tests;

extern "C" {

cudaError_t cudaGetLastError()
{
    const cudaError_t last = state().visible.lost ? cudaErrorLaunchFailure : lastError;
    lastError = cudaSuccess;
    return last;
}

const char* cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorLaunchFailure:
        return "unspecified launch failure";
    case cudaErrorStreamCaptureInvalidated:
        return "operation failed due to a previous error during capture";
    default:
        return "refused";
    }
}

cudaError_t cudaSetDevice(int device)
{
    const Call call;
    return answer(call.failure ? call.failure : device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    *properties = {};
    std::strcpy(properties->name, "Fake GPU");
    properties->major = 9;
    properties->totalGlobalMem = static_cast<size_t>(state().visible.memory);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    *total = static_cast<size_t>(state().visible.memory);
    *free = static_cast<size_t>(state().visible.memory - state().visible.taken);
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, size_t bytes)
{
    return take(memory, bytes, true);
}

cudaError_t cudaMallocHost(void** memory, size_t bytes)
{
    return take(memory, bytes, false);
}

cudaError_t cudaFree(void* memory)
{
    return give(memory, true);
}

cudaError_t cudaFreeHost(void* memory)
{
    return give(memory, false);
}

cudaError_t cudaMemcpyAsync(
    void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
    Call call;
    if (call.failure)
        return answer(call.failure);
    State& s = state();
    const bool toHost = kind == cudaMemcpyDeviceToHost;
    const bool fromHost = kind == cudaMemcpyHostToDevice;
    if ((!toHost && !s.device.contain(to, bytes)) || (!fromHost && !s.device.contain(from, bytes)))
        return answer(cudaErrorInvalidValue);
    const auto copy = [=] { std::memcpy(to, from, bytes); };
    if (toHost && !s.pinned.contain(to, bytes)) { // returns when it is done
        send(*stream, copy);
        return answer(waitFor(call.lock, stream->line, stream->line->sent()));
    }
    if (fromHost && !s.pinned.contain(from, bytes)) { // has read its source when it returns
        const auto* first = static_cast<const std::byte*>(from);
        send(*stream, [to, kept = std::vector<std::byte>(first, first + bytes)] {
            std::memcpy(to, kept.data(), kept.size());
        });
        return cudaSuccess;
    }
    send(*stream, copy);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream)
{
    const Call call;
    if (call.failure)
        return answer(call.failure);
    if (!state().device.contain(memory, bytes))
        return answer(cudaErrorInvalidValue);
    send(*stream, [=] { std::memset(memory, value, bytes); });
    return cudaSuccess;
}

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

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle)
{
    static int blas = 0; // nothing is asked of it: products are emulated
    *handle = reinterpret_cast<cublasLtHandle_t>(&blas);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

const char* cublasLtGetStatusString(cublasStatus_t)
{
    return "refused";
}

} // extern "C"
