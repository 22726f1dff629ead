#pragma once

#include <atomic>
#include <memory>

namespace gradloom {

/// Hands values from one thread to another without locks; only the newest counts, older ones that nobody took
/// are dropped. Any number of threads on either side.
template <typename T>
class Latest
{
public:
    Latest() = default;
    ~Latest() { delete m_value.load(std::memory_order_acquire); }
    Latest(const Latest&) = delete;
    Latest& operator=(const Latest&) = delete;

    void publish(std::unique_ptr<T> value)
    {
        delete m_value.exchange(value.release(), std::memory_order_acq_rel);
    }

    /// The newest value since the last call, or nullptr.
    std::unique_ptr<T> take()
    {
        return std::unique_ptr<T>(m_value.exchange(nullptr, std::memory_order_acq_rel));
    }

private:
    std::atomic<T*> m_value{nullptr};
};

} // namespace gradloom
