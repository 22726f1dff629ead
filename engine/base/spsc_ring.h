#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

namespace gradloom {

/// A queue of fixed size between one producer thread and one consumer thread, without locks. A full ring
/// drops the new entry and counts it, so that the producer never waits.
template <typename T>
class SpscRing
{
public:
    explicit SpscRing(size_t capacity) : m_entries(capacity + 1) {}

    /// Producer. False where the ring was full; the entry is lost and counted.
    bool push(T entry)
    {
        const size_t tail = m_tail.load(std::memory_order_relaxed);
        const size_t next = after(tail);
        if (next == m_head.load(std::memory_order_acquire)) {
            m_lost.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        m_entries[tail] = std::move(entry);
        m_tail.store(next, std::memory_order_release);
        return true;
    }

    /// Consumer. False where the ring is empty.
    bool pop(T& entry)
    {
        const size_t head = m_head.load(std::memory_order_relaxed);
        if (head == m_tail.load(std::memory_order_acquire))
            return false;
        entry = std::move(m_entries[head]);
        m_head.store(after(head), std::memory_order_release);
        return true;
    }

    /// Entries dropped since the last call.
    int64_t takeLost() { return m_lost.exchange(0, std::memory_order_relaxed); }

private:
    size_t after(size_t index) const { return index + 1 == m_entries.size() ? 0 : index + 1; }

    std::vector<T> m_entries; ///< one more than fits, so that full and empty differ
    // Apart, so that the two threads do not fight for one cache line.
    alignas(64) std::atomic<size_t> m_head{0};
    alignas(64) std::atomic<size_t> m_tail{0};
    alignas(64) std::atomic<int64_t> m_lost{0};
};

} // namespace gradloom
