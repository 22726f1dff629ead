#include "tests/engine/emulated_cuda.h"
#include "tests/fake_cudart/fake_cudart_state.h"

#include <cublasLt.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace gradloom::tests {
namespace {

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
