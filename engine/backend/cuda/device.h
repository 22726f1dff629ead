#pragma once

#include "engine/backend/cuda/libraries.h"

#include <mutex>

namespace gradloom::cuda {

/// One GPU as all executables of a backend share it. Everything that computes goes to one stream, so that
/// programs of one model see each other's results in the order in which they were sent; inputs are copied
/// ahead on a second one.
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

    /// CUDA keeps the device in use by thread.
    void use() const { check(cudaSetDevice(m_index), "starting"); }
    void wait() const { check(cudaStreamSynchronize(m_compute.get()), "computing"); }

    int index() const { return m_index; }
    int capability() const { return m_properties.major * 10 + m_properties.minor; }
    std::string name() const { return m_properties.name; }
    cudaStream_t compute() const { return m_compute.get(); }
    cudaStream_t copies() const { return m_copies.get(); }
    Libraries& libraries() { return *m_libraries; }

    /// One thread at a time sends work.
    std::mutex turn;

private:
    int m_index;
    cudaDeviceProp m_properties{};
    Stream m_compute, m_copies;
    std::unique_ptr<Libraries> m_libraries;
};

} // namespace gradloom::cuda
