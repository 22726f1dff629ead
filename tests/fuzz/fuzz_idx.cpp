#include "engine/data/idx.h"

#include <cstdlib>

using gradloom::data::IdxContent;

namespace {

/// Whatever the bytes are: a tensor as large as its shape says, or a sentence.
void check(std::string_view bytes, IdxContent content)
{
    const auto result = gradloom::data::parseIdx(bytes, content, "input");
    const bool good =
        result.ok()
            ? result->elements() * gradloom::sizeOf(result->dtype()) == result->bytes() && !result->empty()
            : result.error().message.starts_with("input: ") && result.error().message.back() == '.';
    if (!good)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(bytes, IdxContent::Pictures);
    check(bytes, IdxContent::Labels);
    return 0;
}
