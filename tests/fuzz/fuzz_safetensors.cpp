#include "engine/project/safetensors.h"

#include <cstdint>
#include <cstdlib>
#include <string>

/// Whatever the bytes are, reading them ends with tensors or a message, and no tensor outgrows the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    const auto file = gradloom::project::parseSafetensors(bytes, "fuzz");
    if (!file)
        return 0;
    int64_t total = 0;
    for (const auto& [name, tensor] : file->tensors)
        total += tensor.bytes();
    if (total > static_cast<int64_t>(size))
        std::abort();
    return 0;
}
