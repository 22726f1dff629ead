#include <cstdio>
#include <cstdlib>
#include <cstring>

// Pretends the driver's management library: what Gradloom calls of NVML, for one GPU. Environment:
// GRADLOOM_FAKE_NVML, "silent" where it has no driver to talk to.
namespace {

bool started = false;

struct Memory
{
    unsigned long long total, free, used;
};

} // namespace

extern "C" {

int nvmlInit_v2()
{
    const char* how = std::getenv("GRADLOOM_FAKE_NVML");
    started = !how || std::strcmp(how, "silent") != 0;
    return started ? 0 : 9; // NVML_ERROR_DRIVER_NOT_LOADED
}

int nvmlShutdown()
{
    started = false;
    return 0;
}

int nvmlSystemGetDriverVersion(char* version, unsigned length)
{
    return started && std::snprintf(version, length, "580.65.06") < static_cast<int>(length) ? 0 : 1;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** handle)
{
    static int device;
    *handle = &device;
    return started && std::strcmp(bus, "00000000:01:00.0") == 0 ? 0 : 6; // NVML_ERROR_NOT_FOUND
}

int nvmlDeviceGetMemoryInfo(void* handle, Memory* memory)
{
    *memory = {24'000, 17'000, 7'000};
    return started && handle ? 0 : 1;
}
}
