#pragma once

#include "engine/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradloom::data {

/// Byte of the first place that is not UTF-8 (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF), -1
/// where there is none.
int64_t brokenUtf8(std::string_view text);
/// Refuses text that is not UTF-8 and zero bytes, saying in which line (from 1) and byte of `name`.
Status checkText(std::string_view text, const std::string& name);
/// Without the byte order mark that some programs put in front.
std::string_view withoutMark(std::string_view text);

/// The characters (code points) of valid UTF-8.
std::vector<std::string_view> charactersOf(std::string_view text);
/// Words and marks: runs of letters, digits and apostrophes, everything else but white space alone.
std::vector<std::string_view> wordsOf(std::string_view text);
/// Small letters for the Latin (with its accents), Greek and Cyrillic alphabets; the rest stays.
std::string lowerCase(std::string_view text);

/// Lines without their ends ("\n" or "\r\n").
std::vector<std::string_view> linesOf(std::string_view text);
std::string_view trimmed(std::string_view text);
/// The parts between separators, trimmed; an empty text has none.
std::vector<std::string> splitList(std::string_view text, char separator = ',');

} // namespace gradloom::data
