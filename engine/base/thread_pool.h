#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace gradloom {

/// The threads that share the work of one operation after the other.
///
/// Our own instead of OpenMP: an OpenMP runtime keeps a pool for every thread that opens a region (the session's, the
/// explanation's), which would oversubscribe the cores, and the thread sanitizer cannot see through it.
///
/// Every thread begins with its own contiguous share, so that data stays in its cache from operation to operation, and
/// then takes over what the others have not begun: a core that is busy elsewhere holds nobody up, and neither does a
/// thread that wakes up too late. Waiting threads spin
/// for some microseconds, because the next operation usually follows at once, and then sleep.
class ThreadPool
{
public:
    /// `threads` includes the caller; 0 means all cores this process may use. `onStart` runs first on every new thread.
    explicit ThreadPool(int threads = 0, std::function<void()> onStart = {});
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    int threads() const { return static_cast<int>(m_shares.size()); }

    using Work = std::function<void(int64_t begin, int64_t end, int thread)>;
    /// Calls `work` on parts of [0, units) on all threads and waits. Not reentrant; one caller at a time. `work` must
    /// not throw.
    void run(int64_t units, const Work& work);

    /// Threads of a pool that is made with this number.
    static int threadsOf(int wanted);
    /// Cores this process may run on.
    static int availableCores();

private:
    struct alignas(64) Share
    {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };

    void workOn(int thread);
    void workerLoop(int thread);
    bool enter();

    std::vector<std::unique_ptr<Share>> m_shares;
    int64_t m_chunk = 1;
    const Work* m_work = nullptr;
    alignas(64) std::atomic<uint32_t> m_generation{0};
    /// Workers inside the current run; the highest bit says that no more may enter.
    alignas(64) std::atomic<uint32_t> m_gate{closed};
    static constexpr uint32_t closed = uint32_t{1} << 31;
    std::atomic<bool> m_stop{false};
    std::vector<std::thread> m_workers;
};

} // namespace gradloom
