#pragma once

#include "engine/backend/communicator.h"

#include <functional>
#include <mutex>

/// Several GPUs of one process add up with NCCL. Nothing here needs CUDA: the module gives the functions of
/// libnccl.so.2 and its devices, tests give their own.
namespace gradloom::cuda {

/// What is used of NCCL, as nccl.h declares it (nccl_library.cpp checks that), so that neither building nor
/// starting needs NCCL. Results are ncclResult_t, streams cudaStream_t.
struct NcclFunctions
{
    using Comm = void*;

    int (*getVersion)(int* version) = nullptr;
    const char* (*getErrorString)(int result) = nullptr;
    int (*commInitAll)(Comm* comms, int count, const int* devices) = nullptr;
    int (*allReduce)(const void* from, void* into, size_t count, int type, int operation, Comm comm,
        void* stream) = nullptr;
    int (*groupStart)() = nullptr;
    int (*groupEnd)() = nullptr;
    int (*commGetAsyncError)(Comm comm, int* error) = nullptr;
    int (*commAbort)(Comm comm) = nullptr;
    int (*commDestroy)(Comm comm) = nullptr;

    static constexpr int success = 0;
    static constexpr int inProgress = 7;
    static constexpr int float32 = 7;
    static constexpr int sum = 0;
};

/// 22809 as "2.28.9".
std::string ncclVersionText(int version);

/// A device as one of several that add up.
class Rank
{
public:
    virtual ~Rank() = default;
    /// CUDA's number of it.
    virtual int index() const = 0;
    /// Held while work is sent to it.
    virtual std::mutex& turn() = 0;
    /// The stream on which it computes.
    virtual void* stream() = 0;
    virtual std::byte* address(backend::Memory& memory) = 0;
    /// Makes it the calling thread's device. Throws DeviceFailure, as the next two do.
    virtual void use() = 0;
    /// Marks the place in the stream that was reached now.
    virtual void mark() = 0;
    /// Whether the device has come to the last mark.
    virtual bool arrived() = 0;
    /// From now on `look` is called again and again while the host waits for this device; nullptr: no more.
    virtual void whileWaiting(std::function<void()> look) = 0;
};

/// One thread sends the sums of all devices, as a group, to the streams on which they compute; the host does
/// not wait. They are not part of the devices' CUDA graphs: NVIDIA advises against capturing where one
/// process has several GPUs, because launching such a graph may block before the others are launched.
///
/// A device that is lost would leave the others waiting for its share for ever, and the host for them.
/// Therefore whoever waits for a device looks at all of them meanwhile (Rank::whileWaiting); where one has
/// failed, the sum is broken off on all of them and the failure thrown, by everybody who waits: what the others
/// computed from the broken sum is worth nothing.
class NcclCommunicator : public backend::Communicator
{
public:
    /// The error is one sentence on what NCCL did not like.
    static Result<std::unique_ptr<backend::Communicator>> connect(
        const NcclFunctions& functions, std::vector<std::unique_ptr<Rank>> ranks);
    /// Waits for the last sum.
    ~NcclCommunicator() override;
    NcclCommunicator(const NcclCommunicator&) = delete;
    NcclCommunicator& operator=(const NcclCommunicator&) = delete;

    void sum(std::span<const backend::MemoryRange> shares) override;
    bool runsAhead() const override { return true; }
    std::string note() const override;

private:
    NcclCommunicator(const NcclFunctions& functions, std::vector<std::unique_ptr<Rank>> ranks);
    /// Throws DeviceFailure where a device or NCCL failed during a sum that is not done, or in an earlier one.
    void look();
    void send(std::span<const backend::MemoryRange> shares);
    /// What goes wrong with a device is a failure of all.
    template <class Action>
    void onEach(const Action& action);
    /// Breaks off what is under way on all devices; from then on every sum fails.
    [[noreturn]] void fail(std::string sentence);
    [[noreturn]] void failWith(int result);
    /// Ends all communicators, at once.
    void endAll(int (*how)(NcclFunctions::Comm));

    NcclFunctions m_functions;
    std::vector<std::unique_ptr<Rank>> m_ranks;
    std::vector<NcclFunctions::Comm> m_comms; ///< by rank; none after a failure
    std::mutex m_lock;                        ///< NCCL is called by one thread at a time; taken behind turns
    bool m_pending = false; ///< some device has not come to the end of the last sum, as far as is known
    std::string m_failure;
};

} // namespace gradloom::cuda
