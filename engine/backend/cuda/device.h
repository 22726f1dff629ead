#pragma once

#include "engine/backend/cuda/libraries.h"

#include <functional>
#include <mutex>
#include <thread>

namespace gradloom::cuda {

/// One GPU as all backends and their executables share it. Everything that computes goes to one stream, so
/// that programs of one model see each other's results in the order in which they were sent; inputs are
/// copied ahead on a second one.
class Device
{
public:
    explicit Device(int index) : m_index(index)
    {
        use();
        check(cudaGetDeviceProperties(&m_properties, index), "asking for its properties");
        m_compute = makeStream();
        m_copies = makeStream();
        m_libraries = std::make_unique<Libraries>(capability(), m_compute.get());
    }

    /// The libraries give back what they have on the device in use, and whichever thread ends it may use
    /// another one. What goes wrong is nobody's business any more.
    ~Device() { cudaSetDevice(m_index); }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    /// CUDA keeps the device in use by thread.
    void use() const { check(cudaSetDevice(m_index), "starting"); }
    /// Until everything that was sent to compute is done; by who has the turn.
    void wait() const
    {
        if (looks())
            waitLooking([this] { return cudaStreamQuery(m_compute.get()); }, "computing");
        else
            check(cudaStreamSynchronize(m_compute.get()), "computing");
    }
    /// Needs no turn, so that others can send their work meanwhile.
    void waitFor(const Event& event, const char* action) const
    {
        if (looks())
            waitLooking([&] { return cudaEventQuery(event.get()); }, action);
        else
            check(cudaEventSynchronize(event.get()), action);
    }
    /// Until everything is done that was sent to compute before; by who does not have the turn.
    void waitForSent()
    {
        const Event sent = markSent();
        waitFor(sent, "computing");
    }
    /// Calls `look` again and again while the host waits for the device, which may wait for another one that
    /// is lost: it throws what ends the waiting. To be changed by who has the turn.
    void whileWaiting(std::function<void()> look)
    {
        const std::lock_guard lock(m_lookLock);
        m_look = std::move(look);
    }

    int index() const { return m_index; }
    int capability() const { return m_properties.major * 10 + m_properties.minor; }
    std::string name() const { return m_properties.name; }
    cudaStream_t compute() const { return m_compute.get(); }
    cudaStream_t copies() const { return m_copies.get(); }
    Libraries& libraries() { return *m_libraries; }

    /// One thread at a time sends work. Whoever has the turn does not wait for what was sent, if that can be
    /// helped: a training run waits nearly always, and other threads would hardly ever get it.
    std::mutex turn;

private:
    Event markSent()
    {
        const std::lock_guard lock(turn);
        use();
        Event sent = makeEvent();
        check(cudaEventRecord(sent.get(), m_compute.get()), "computing");
        return sent;
    }

    bool looks() const
    {
        const std::lock_guard lock(m_lookLock);
        return m_look != nullptr;
    }

    template <class Query>
    void waitLooking(const Query& query, const char* action) const
    {
        for (bool done = false; !done;) {
            done = isDone(query(), action);
            look(); // when it is done, too: it may be so because what it waited for was broken off
            if (!done)
                std::this_thread::yield();
        }
    }

    void look() const
    {
        const std::lock_guard lock(m_lookLock);
        if (m_look)
            m_look();
    }

    int m_index;
    cudaDeviceProp m_properties{};
    Stream m_compute, m_copies;
    std::unique_ptr<Libraries> m_libraries;
    mutable std::mutex m_lookLock; ///< taken behind the turn
    std::function<void()> m_look;
};

} // namespace gradloom::cuda
