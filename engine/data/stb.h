#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The few functions of the stb picture libraries that the engine uses, without their headers.
namespace gradloom::data::stb {

/// What the header of a PNG or JPEG declares; false when it is neither. Takes no memory for pixels.
bool pictureSize(std::string_view bytes, int& width, int& height);

/// The pixels, four bytes each; empty on failure. Give the size that pictureSize found: it bounds the memory.
std::vector<uint8_t> decodeRgba(std::string_view bytes, int& width, int& height);

/// Why the last call on this thread failed, in a few words.
const char* failureReason();

/// Empty on failure.
std::string encodePng(const uint8_t* pixels, int width, int height, int channels);

} // namespace gradloom::data::stb
