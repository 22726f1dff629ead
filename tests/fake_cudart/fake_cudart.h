#pragma once

#include <cstdint>

namespace gradloom::tests {

/// A CUDA runtime with one GPU whose memory is the host's. What is sent to a stream is not done at once but
/// when the host waits for it, and streams wait for each other only where they are told to: a wait that is
/// missing gives wrong numbers. Errors are provoked here, and here it is seen what was asked for. Calls may
/// come from several threads; a test sets fields while none is under way.
struct FakeCudart
{
    // What a test decides.
    uint64_t chance = 0; ///< 0: as late as possible; otherwise now and then something is done earlier, as
                         ///< chance (of this seed) will have it
    int64_t memory = 64 << 20;   ///< bytes of the device
    int64_t pinnable = 64 << 20; ///< bytes of the host that can be locked
    int spoiledCaptures = 0;     ///< so many next captures fail when they end
    int spoiledLaunches = 0;     ///< in so many next captures a launch fails
    bool lost = false;           ///< everything fails from now on
    bool stalled = false;        ///< nothing gets done; see resume()

    // What was asked for.
    int64_t taken = 0;    ///< bytes of the device
    int64_t pinned = 0;   ///< bytes of the host
    int64_t waits = 0;    ///< of the host, for something that was not done
    int64_t captures = 0; ///< that succeeded
    int64_t graphLaunches = 0;
    bool gaveUp = false; ///< somebody waited very long for a stalled device, or for such a waiter
};

FakeCudart& fakeCudart();
/// What was sent to all streams and is not done.
int64_t unfinishedWork();
/// Waits until a thread waits for the stalled device.
void awaitStalledWaiter();
void resume();

/// A new GPU for the time it lives.
class FreshCudart
{
public:
    FreshCudart();
    ~FreshCudart();
    FreshCudart(const FreshCudart&) = delete;
    FreshCudart& operator=(const FreshCudart&) = delete;
};

} // namespace gradloom::tests
