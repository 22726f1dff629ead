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
    /// Until everything that was sent to compute is done.
    void wait() const
    {
        if (m_look)
            waitLooking([this] { return cudaStreamQuery(m_compute.get()); }, "computing");
        else
            check(cudaStreamSynchronize(m_compute.get()), "computing");
    }
    void waitFor(const Event& event, const char* action) const
    {
        if (m_look)
            waitLooking([&] { return cudaEventQuery(event.get()); }, action);
        else
            check(cudaEventSynchronize(event.get()), action);
    }
    /// Calls `look` again and again while the host waits for the device, which may wait for another one that
    /// is lost: it throws what ends the waiting. To be changed by who has the turn.
    void whileWaiting(std::function<void()> look) { m_look = std::move(look); }

    int index() const { return m_index; }
    int capability() const { return m_properties.major * 10 + m_properties.minor; }
    std::string name() const { return m_properties.name; }
    cudaStream_t compute() const { return m_compute.get(); }
    cudaStream_t copies() const { return m_copies.get(); }
    Libraries& libraries() { return *m_libraries; }

    /// One thread at a time sends work.
    std::mutex turn;

private:
    template <class Query>
    void waitLooking(const Query& query, const char* action) const
    {
        while (!isDone(query(), action)) {
            m_look();
            std::this_thread::yield();
        }
    }

    int m_index;
    cudaDeviceProp m_properties{};
    Stream m_compute, m_copies;
    std::unique_ptr<Libraries> m_libraries;
    std::function<void()> m_look;
};

} // namespace gradloom::cuda
