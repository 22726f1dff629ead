#include "engine/data/text.h"

#include <algorithm>

namespace gradloom::data {

namespace {

/// Bytes of the character that begins at `at`, 0 where it is broken.
size_t characterLength(std::string_view text, size_t at)
{
    const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
    const auto follows = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
        return byte(i) >= low && byte(i) <= high && i < text.size();
    };
    const uint8_t first = byte(at);
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return follows(at + 1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const uint8_t low = first == 0xE0 ? 0xA0 : 0x80;  // no overlong forms
        const uint8_t high = first == 0xED ? 0x9F : 0xBF; // no surrogates
        return follows(at + 1, low, high) && follows(at + 2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const uint8_t low = first == 0xF0 ? 0x90 : 0x80;
        const uint8_t high = first == 0xF4 ? 0x8F : 0xBF;
        return follows(at + 1, low, high) && follows(at + 2) && follows(at + 3) ? 4 : 0;
    }
    return 0;
}

bool isSpace(std::string_view character)
{
    static constexpr std::string_view wide[] = {"\u00A0", "\u2009", "\u202F", "\u3000"};
    return character.size() == 1
               ? std::string_view(" \t\r\n\f\v").find(character[0]) != std::string_view::npos
               : std::find(std::begin(wide), std::end(wide), character) != std::end(wide);
}

/// Letters beyond ASCII are all characters but the blocks of punctuation and symbols.
bool isWordPart(std::string_view character)
{
    if (character.size() == 1) {
        const char c = character[0];
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\'' ||
               c == '_';
    }
    if (character.size() == 2)
        return !(character >= "\u00A0" && character <= "\u00BF") && character != "\u00D7" &&
               character != "\u00F7";
    return !(character >= "\u2000" && character <= "\u2BFF") &&
           !(character >= "\u3000" && character <= "\u303F");
}

/// Adds `distance` to a two-byte character.
void shiftCharacter(std::string& text, size_t at, int distance)
{
    const int code =
        ((static_cast<uint8_t>(text[at]) & 0x1F) << 6 | (static_cast<uint8_t>(text[at + 1]) & 0x3F)) +
        distance;
    text[at] = static_cast<char>(0xC0 | code >> 6);
    text[at + 1] = static_cast<char>(0x80 | (code & 0x3F));
}

/// How far the small letter lies from a capital of two bytes; 0 where it is none.
int distanceToSmall(std::string_view c)
{
    const int code = (static_cast<uint8_t>(c[0]) & 0x1F) << 6 | (static_cast<uint8_t>(c[1]) & 0x3F);
    if ((code >= 0xC0 && code <= 0xDE && code != 0xD7) || (code >= 0x391 && code <= 0x3A9 && code != 0x3A2) ||
        (code >= 0x410 && code <= 0x42F))
        return 32;
    if (code >= 0x400 && code <= 0x40F)
        return 80;
    // Latin Extended-A: capital and small letter alternate; where they do not, the order changes.
    const bool even = (code >= 0x100 && code <= 0x137) || (code >= 0x14A && code <= 0x177);
    const bool odd = (code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17E);
    if (code == 0x130 || code == 0x131) // Turkish i has no counterpart of two bytes
        return 0;
    if (code == 0x178)
        return 0xFF - 0x178;
    return (even && code % 2 == 0) || (odd && code % 2 == 1) ? 1 : 0;
}

} // namespace

int64_t brokenUtf8(std::string_view text)
{
    for (size_t at = 0; at < text.size();) {
        const size_t length = characterLength(text, at);
        if (length == 0)
            return static_cast<int64_t>(at);
        at += length;
    }
    return -1;
}

Status checkText(std::string_view text, const std::string& name)
{
    const int64_t broken = brokenUtf8(text);
    const size_t zero = text.find('\0');
    const size_t at = std::min(broken < 0 ? std::string_view::npos : static_cast<size_t>(broken), zero);
    if (at == std::string_view::npos)
        return {};
    const auto line = std::count(text.begin(), text.begin() + static_cast<int64_t>(at), '\n') + 1;
    const char* what =
        at == zero ? "a zero byte, so it is no text" : "bytes that are not UTF-8; save it as UTF-8";
    return invalidFile(
        name + ": line " + std::to_string(line) + " (byte " + std::to_string(at) + ") has " + what + ".");
}

std::string_view withoutMark(std::string_view text)
{
    return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

std::vector<std::string_view> charactersOf(std::string_view text)
{
    std::vector<std::string_view> characters;
    for (size_t at = 0; at < text.size();) {
        const size_t length = std::max<size_t>(1, characterLength(text, at));
        characters.push_back(text.substr(at, length));
        at += length;
    }
    return characters;
}

std::vector<std::string_view> wordsOf(std::string_view text)
{
    std::vector<std::string_view> words;
    size_t begin = 0;
    size_t length = 0;
    const auto finish = [&] {
        if (length > 0)
            words.push_back(text.substr(begin, length));
        length = 0;
    };
    for (size_t at = 0; at < text.size();) {
        const size_t bytes = std::max<size_t>(1, characterLength(text, at));
        const std::string_view character = text.substr(at, bytes);
        if (isWordPart(character)) {
            begin = length == 0 ? at : begin;
            length += bytes;
        } else {
            finish();
            if (!isSpace(character))
                words.push_back(character);
        }
        at += bytes;
    }
    finish();
    return words;
}

std::string lowerCase(std::string_view text)
{
    std::string result(text);
    for (size_t at = 0; at < result.size();) {
        const size_t length = std::max<size_t>(1, characterLength(result, at));
        if (length == 1 && result[at] >= 'A' && result[at] <= 'Z')
            result[at] = static_cast<char>(result[at] + 32);
        else if (length == 2)
            shiftCharacter(result, at, distanceToSmall(std::string_view(result).substr(at, 2)));
        at += length;
    }
    return result;
}

std::vector<std::string_view> linesOf(std::string_view text)
{
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        lines.push_back(line);
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return lines;
}

std::string_view trimmed(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string> splitList(std::string_view text, char separator)
{
    std::vector<std::string> parts;
    text = trimmed(text);
    if (text.empty())
        return parts;
    for (;;) {
        const size_t end = text.find(separator);
        parts.emplace_back(trimmed(text.substr(0, end)));
        if (end == std::string_view::npos)
            return parts;
        text = text.substr(end + 1);
    }
}

} // namespace gradloom::data
