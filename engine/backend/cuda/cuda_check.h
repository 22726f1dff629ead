#pragma once

#include "engine/backend/backend.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <memory>
#include <string>
#include <type_traits>

/// Errors of NVIDIA's libraries as exceptions with one sentence for people, and their handles as owners.
namespace gradloom::cuda {

using backend::OutOfDeviceMemory;

/// The machine cannot lock as much of its memory as the device is to read and write by itself.
class OutOfPinnedMemory : public backend::DeviceFailure
{
public:
    using DeviceFailure::DeviceFailure;
};

[[noreturn]] inline void failForMemory(const char* action)
{
    throw OutOfDeviceMemory("The GPU has too little memory free for " + std::string(action) + ".");
}

inline void check(cudaError_t status, const char* action)
{
    if (status == cudaSuccess)
        return;
    const std::string reason = cudaGetErrorString(status);
    cudaGetLastError(); // errors that do not stay are forgotten
    if (status == cudaErrorMemoryAllocation)
        failForMemory(action);
    throw backend::DeviceFailure("The GPU failed while " + std::string(action) + ": " + reason +
                                 ". Start again, on the CPU if it fails once more.");
}

/// Whether an event or a stream that was asked is done; throws where its device failed.
inline bool isDone(cudaError_t answer, const char* action)
{
    if (answer == cudaErrorNotReady) {
        cudaGetLastError(); // the next launch would be blamed for it
        return false;
    }
    check(answer, action);
    return true;
}

/// Older functions of cuDNN say both of these when the device's memory is short.
inline bool lacksMemory(cudnnStatus_t status)
{
    return status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ||
           status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

inline void check(cudnnStatus_t status, const char* action)
{
    if (lacksMemory(status))
        failForMemory(action);
    if (status != CUDNN_STATUS_SUCCESS)
        throw backend::DeviceFailure("cuDNN failed while " + std::string(action) + ": " +
                                     cudnnGetErrorString(status) +
                                     ". Start again, on the CPU if it fails once more.");
}

inline void check(cublasStatus_t status, const char* action)
{
    if (status == CUBLAS_STATUS_ALLOC_FAILED)
        failForMemory(action);
    if (status != CUBLAS_STATUS_SUCCESS)
        throw backend::DeviceFailure("cuBLASLt failed while " + std::string(action) + ": " +
                                     cublasLtGetStatusString(status) +
                                     ". Start again, on the CPU if it fails once more.");
}

/// Owns a handle that is a pointer; `destroy` gives it back. What goes wrong then is nobody's business any
/// more.
template <auto destroy>
struct Destroy
{
    template <class T>
    void operator()(T* handle) const
    {
        static_cast<void>(destroy(handle));
    }
};
template <class Handle, auto destroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<destroy>>;

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using Graph = Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

inline Stream makeStream()
{
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    return Stream(stream);
}

inline Event makeEvent(unsigned flags = cudaEventDisableTiming)
{
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, flags), "making an event");
    return Event(event);
}

/// Plain memory of the device, or memory of the host that the device reads and writes by itself.
class Block
{
public:
    enum class Where { Device, Pinned };

    Block() = default;
    Block(Where where, int64_t bytes) : m_bytes(bytes)
    {
        void* memory = nullptr;
        const auto size = static_cast<size_t>(bytes > 0 ? bytes : 1);
        if (where == Where::Device)
            check(cudaMalloc(&memory, size), ("a block of " + std::to_string(bytes >> 20) + " MB").c_str());
        else
            pin(&memory, size);
        m_memory.reset(static_cast<std::byte*>(memory), Free{where});
    }
    /// A part of another block, which lives as long as it.
    Block(const Block& whole, int64_t offset, int64_t bytes)
        : m_bytes(bytes), m_memory(whole.m_memory, whole.data() + offset)
    {
    }
    std::byte* data() const { return m_memory.get(); }
    int64_t bytes() const { return m_bytes; }

private:
    static void pin(void** memory, size_t bytes)
    {
        const cudaError_t status = cudaMallocHost(memory, bytes);
        if (status != cudaErrorMemoryAllocation)
            return check(status, "locking memory to copy through");
        cudaGetLastError();
        throw OutOfPinnedMemory("This machine has too little main memory that can be locked (pinned) for " +
                                std::to_string((bytes >> 20) + 1) +
                                " MB to copy through to the GPU. End other programs or use a smaller batch.");
    }

    struct Free
    {
        Where where;
        void operator()(std::byte* memory) const
        {
            static_cast<void>(where == Where::Device ? cudaFree(memory) : cudaFreeHost(memory));
        }
    };
    int64_t m_bytes = 0;
    std::shared_ptr<std::byte> m_memory;
};

} // namespace gradloom::cuda
