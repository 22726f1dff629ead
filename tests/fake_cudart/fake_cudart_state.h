#pragma once

#include "engine/base/philox.h"
#include "tests/fake_cudart/fake_cudart.h"

#include <cuda_runtime_api.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

/// What the parts of the pretended runtime share.
namespace gradloom::tests {

using Work = std::function<void()>;

inline constexpr std::chrono::seconds patience{10};

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

inline State& state()
{
    static State all;
    return all;
}

inline thread_local cudaError_t lastError = cudaSuccess;

inline cudaError_t answer(cudaError_t status)
{
    if (status != cudaSuccess)
        lastError = status;
    return status;
}

inline void doFirst(Line& line)
{
    const Line::Item item = std::move(line.items.front());
    line.items.pop_front();
    ++line.done;
    ++state().clock;
    if (item.work)
        item.work();
}

/// Does what is in front of a place, and no more.
inline void doUntil(Line& line, int64_t place)
{
    while (line.done < place) {
        if (const auto& first = line.items.front(); first.other)
            doUntil(*first.other, first.place);
        doFirst(line);
    }
}

/// What a device may have got done meanwhile.
inline void letChanceWork()
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
inline cudaError_t waitFor(
    std::unique_lock<std::mutex>& lock, const std::shared_ptr<Line>& line, int64_t place)
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

/// While this thread records, calls that are no part of a graph spoil the recording.
inline bool spoils()
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

inline void send(CUstream_st& stream, Work work)
{
    if (stream.recording)
        stream.recording->work.push_back(std::move(work));
    else
        stream.line->items.push_back({std::move(work)});
}

inline void finish(Line& line)
{
    if (!state().visible.lost)
        doUntil(line, line.sent());
    line.done = line.sent();
    line.items.clear();
}

/// A kernel or what a library launches.
inline void sendLaunch(void* stream, Work work)
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

} // namespace gradloom::tests
