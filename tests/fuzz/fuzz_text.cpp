#include "engine/data/text.h"
#include "engine/data/vocabulary.h"

#include <cstdint>
#include <cstdlib>

using namespace gradloom;

/// Whatever the bytes are, cutting them into lines, words and characters loses none, and small letters stay
/// valid.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    const bool valid = data::brokenUtf8(text) < 0;
    size_t length = 0;
    for (const std::string_view character : data::charactersOf(text))
        length += character.size();
    if (length != size)
        std::abort();
    for (const std::string_view word : data::wordsOf(text))
        if (word.empty())
            std::abort();
    const std::string lower = data::lowerCase(text);
    if (lower.size() != size || (valid && data::brokenUtf8(lower) >= 0))
        std::abort();
    (void)data::linesOf(text);
    (void)data::splitList(text);
    data::TokenSettings settings;
    settings.length = 16;
    for (const bool characters : {false, true}) {
        settings.characters = characters;
        if (data::encodeText(std::string(text), data::Vocabulary({"a", "the"}), settings).elements() != 16)
            std::abort();
    }
    return 0;
}
