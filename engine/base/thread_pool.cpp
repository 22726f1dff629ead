#include "engine/base/thread_pool.h"

#include "engine/base/spin.h"

#include <algorithm>
#include <sched.h>

namespace gradloom {

namespace {

/// Waits until `value` is no longer `old`.
template <typename T>
void waitForChange(const std::atomic<T>& value, T old)
{
    if (!spinUntil([&] { return value.load(std::memory_order_acquire) != old; }))
        value.wait(old, std::memory_order_acquire);
}

} // namespace

int ThreadPool::availableCores()
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return std::max(1, CPU_COUNT(&set));
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int ThreadPool::threadsOf(int wanted)
{
    return std::clamp(wanted > 0 ? wanted : availableCores(), 1, 256);
}

ThreadPool::ThreadPool(int threads, std::function<void()> onStart)
{
    const int count = threadsOf(threads);
    for (int i = 0; i < count; ++i)
        m_shares.push_back(std::make_unique<Share>());
    for (int i = 1; i < count; ++i)
        m_workers.emplace_back([this, i, onStart] {
            if (onStart)
                onStart();
            workerLoop(i);
        });
}

ThreadPool::~ThreadPool()
{
    m_stop.store(true, std::memory_order_relaxed);
    m_generation.fetch_add(1, std::memory_order_release);
    m_generation.notify_all();
    for (auto& worker : m_workers)
        worker.join();
}

void ThreadPool::run(int64_t units, const Work& work)
{
    if (units <= 0)
        return;
    const int count = threads();
    if (count == 1 || units == 1) {
        work(0, units, 0);
        return;
    }
    // Four parts a thread: large enough to be cheap, small enough that the last one does not hold up the others.
    m_chunk = std::max<int64_t>(1, units / (int64_t{count} * 4));
    for (int i = 0; i < count; ++i) {
        m_shares[static_cast<size_t>(i)]->next.store(units * i / count, std::memory_order_relaxed);
        m_shares[static_cast<size_t>(i)]->end = units * (i + 1) / count;
    }
    m_work = &work;
    m_gate.store(0, std::memory_order_release);
    m_generation.fetch_add(1, std::memory_order_release);
    m_generation.notify_all();
    workOn(0);
    // Everything is at least begun. Whoever has not come in yet is not waited for.
    for (uint32_t gate = m_gate.fetch_or(closed, std::memory_order_acq_rel) | closed; gate != closed;
         gate = m_gate.load(std::memory_order_acquire))
        waitForChange(m_gate, gate);
}

bool ThreadPool::enter()
{
    uint32_t gate = m_gate.load(std::memory_order_relaxed);
    while ((gate & closed) == 0)
        if (m_gate.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel))
            return true;
    return false;
}

void ThreadPool::workOn(int thread)
{
    const int count = threads();
    for (int i = 0; i < count; ++i) {
        Share& share = *m_shares[static_cast<size_t>((thread + i) % count)];
        for (;;) {
            const int64_t begin = share.next.fetch_add(m_chunk, std::memory_order_relaxed);
            if (begin >= share.end)
                break;
            (*m_work)(begin, std::min(begin + m_chunk, share.end), thread);
        }
    }
}

void ThreadPool::workerLoop(int thread)
{
    uint32_t seen = 0;
    for (;;) {
        waitForChange(m_generation, seen);
        seen = m_generation.load(std::memory_order_acquire);
        if (m_stop.load(std::memory_order_relaxed))
            return;
        if (!enter())
            continue;
        workOn(thread);
        if (m_gate.fetch_sub(1, std::memory_order_acq_rel) == closed + 1)
            m_gate.notify_one();
    }
}

} // namespace gradloom
