#pragma once

#include <cstdint>
#include <string>

#include <dlfcn.h>

namespace gradloom::cuda {

/// The driver's management library (NVML). It is asked because CUDA itself would first take memory for its
/// context on the device, and does not know the driver's version. Without it nothing is known.
class DriverLibrary
{
public:
    explicit DriverLibrary(const char* file = "libnvidia-ml.so.1")
        : m_library(dlopen(file, RTLD_NOW | RTLD_LOCAL))
    {
        const auto start = function<int (*)()>("nvmlInit_v2");
        m_ready = start && start() == 0;
    }
    ~DriverLibrary()
    {
        if (const auto stop = function<int (*)()>("nvmlShutdown"); stop && m_ready)
            stop();
        if (m_library)
            dlclose(m_library);
    }
    DriverLibrary(const DriverLibrary&) = delete;
    DriverLibrary& operator=(const DriverLibrary&) = delete;

    /// Version of the driver, "580.65.06"; empty where nobody knows.
    std::string version() const
    {
        char text[80] = {}; // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
        const auto ask = function<int (*)(char*, unsigned)>("nvmlSystemGetDriverVersion");
        return m_ready && ask && ask(text, sizeof text) == 0 ? text : "";
    }

    /// Free bytes of the device at a PCI address ("00000000:01:00.0"); 0 where nobody knows.
    int64_t freeBytes(const char* bus) const
    {
        const auto find = function<int (*)(const char*, void**)>("nvmlDeviceGetHandleByPciBusId_v2");
        const auto ask = function<int (*)(void*, Memory*)>("nvmlDeviceGetMemoryInfo");
        void* handle = nullptr;
        Memory memory;
        if (!m_ready || !find || !ask || find(bus, &handle) != 0 || ask(handle, &memory) != 0)
            return 0;
        return static_cast<int64_t>(memory.free);
    }

private:
    /// nvmlMemory_t
    struct Memory
    {
        unsigned long long total = 0, free = 0, used = 0;
    };

    template <class F>
    F function(const char* name) const
    {
        return m_library ? reinterpret_cast<F>(dlsym(m_library, name)) : nullptr;
    }

    void* m_library;
    bool m_ready = false;
};

} // namespace gradloom::cuda
