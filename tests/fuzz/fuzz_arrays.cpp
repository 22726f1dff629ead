#include "engine/data/cifar.h"
#include "engine/data/npy.h"

#include <cstdint>
#include <cstdlib>

using namespace gradloom;

namespace {

void checkTensor(const Tensor& tensor)
{
    if (tensor.elements() * sizeOf(tensor.dtype()) != tensor.bytes() || tensor.empty())
        std::abort();
}

template <typename T>
void checkMessage(const Result<T>& result)
{
    if (!result && (!result.error().message.starts_with("input: ") || result.error().message.back() != '.'))
        std::abort();
}

} // namespace

/// Whatever the bytes are: arrays as large as their shapes say, or a sentence.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char*>(input), size);
    const auto arrays = data::parseArrays(bytes, "input");
    checkMessage(arrays);
    if (arrays)
        for (const auto& [name, array] : *arrays)
            checkTensor(array);
    for (const int labels : {1, 2}) {
        const auto part = data::parseCifar(bytes, labels, "input");
        checkMessage(part);
        if (part)
            checkTensor(part->pictures);
    }
    return 0;
}
