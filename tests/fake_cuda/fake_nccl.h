#pragma once

#include "engine/backend/cuda/nccl_communicator.h"

#include <algorithm>
#include <memory>
#include <vector>

/// NCCL for ranks whose memory is the host's: a group adds up when it ends, as the real one does when all its
/// members have come. Keeps what it was asked for and fails where it is told to.
namespace gradloom::test {

inline constexpr int fakeNcclVersion = 29904; // 2.99.4

struct FakeNccl
{
    struct Comm
    {
        int device = 0;
    };
    struct Call
    {
        const Comm* comm = nullptr;
        float* data = nullptr;
        size_t count = 0;
        void* stream = nullptr;
    };

    // What goes wrong: results of ncclResult_t.
    int initResult = 0;
    int groupEndResult = 0;
    int failingDevice = -1; ///< whose allReduce fails
    int asyncError = 0;
    bool forgetful = false; ///< the last rank is left out of the sums
    bool uneven = false;    ///< the first rank gets another sum than the others

    // What was asked for.
    std::vector<std::unique_ptr<Comm>> comms;
    std::vector<Call> waiting; ///< of the group that is open
    std::vector<Call> summed;
    std::vector<int> aborted; ///< devices
    std::vector<int> destroyed;
    int groups = 0;
    int depth = 0;
    bool misused = false; ///< outside a group, not in place, not a sum of float32
};

/// Of this program or module.
inline FakeNccl& fakeNccl()
{
    static FakeNccl state;
    return state;
}

inline int fakeInitAll(void** comms, int count, const int* devices)
{
    FakeNccl& fake = fakeNccl();
    for (int i = 0; i < count && fake.initResult == 0; ++i) {
        fake.comms.push_back(std::make_unique<FakeNccl::Comm>(FakeNccl::Comm{devices[i]}));
        comms[i] = fake.comms.back().get();
    }
    return fake.initResult;
}

inline int fakeAllReduce(
    const void* from, void* into, size_t count, int type, int operation, void* comm, void* stream)
{
    FakeNccl& fake = fakeNccl();
    const auto* rank = static_cast<FakeNccl::Comm*>(comm);
    fake.misused = fake.misused || fake.depth != 1 || from != into || type != cuda::NcclFunctions::float32 ||
                   operation != cuda::NcclFunctions::sum;
    fake.waiting.push_back({rank, static_cast<float*>(into), count, stream});
    return rank->device == fake.failingDevice ? 2 : 0;
}

inline int fakeGroupEnd()
{
    FakeNccl& fake = fakeNccl();
    --fake.depth;
    std::vector<FakeNccl::Call> calls;
    calls.swap(fake.waiting);
    for (size_t i = 0; !calls.empty() && i < calls.front().count; ++i) {
        float sum = 0;
        for (const auto& call : calls)
            sum += fake.forgetful && &call == &calls.back() ? 0 : call.data[i];
        for (const auto& call : calls)
            call.data[i] = sum;
        if (fake.uneven)
            calls.front().data[i] = sum * (1 + 1e-6F);
    }
    fake.summed.insert(fake.summed.end(), calls.begin(), calls.end());
    return fake.groupEndResult;
}

inline int fakeEnd(void* comm, std::vector<int>& devices)
{
    fakeNccl().misused = fakeNccl().misused || fakeNccl().depth != 1;
    devices.push_back(static_cast<FakeNccl::Comm*>(comm)->device);
    return 0;
}

inline cuda::NcclFunctions fakeNcclFunctions()
{
    cuda::NcclFunctions f;
    f.getVersion = [](int* version) { return *version = fakeNcclVersion, 0; };
    f.getErrorString = [](int result) { return result == 2 ? "unhandled system error" : "remote error"; };
    f.commInitAll = fakeInitAll;
    f.allReduce = fakeAllReduce;
    f.groupStart = [] { return ++fakeNccl().groups, ++fakeNccl().depth, 0; };
    f.groupEnd = fakeGroupEnd;
    f.commGetAsyncError = [](void*, int* error) { return *error = fakeNccl().asyncError, 0; };
    f.commAbort = [](void* comm) { return fakeEnd(comm, fakeNccl().aborted); };
    f.commDestroy = [](void* comm) { return fakeEnd(comm, fakeNccl().destroyed); };
    return f;
}

} // namespace gradloom::test
