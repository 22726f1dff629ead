// The one place that compiles the stb libraries; their warnings are not ours to repair.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include "engine/data/stb.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace {

/// Compressed data can unpack to far more than the picture needs; the decoder may not take more than this at
/// once.
thread_local size_t allowance = 0;

void* allocate(size_t bytes)
{
    return bytes > allowance ? nullptr : std::malloc(bytes);
}

void* reallocate(void* memory, size_t bytes)
{
    return bytes > allowance ? nullptr : std::realloc(memory, bytes);
}

} // namespace

#define STBI_MALLOC(bytes) allocate(bytes)
#define STBI_REALLOC(memory, bytes) reallocate(memory, bytes)
#define STBI_FREE(memory) std::free(memory)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 32768
#include <stb/stb_image.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

#pragma GCC diagnostic pop

namespace gradloom::data::stb {

namespace {

const unsigned char* raw(std::string_view bytes)
{
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

/// A PNG has up to eight bytes a pixel and its unpacking doubles the memory as it goes.
size_t allowanceFor(int width, int height)
{
    constexpr size_t small = size_t{16} << 20;
    return std::max(small, static_cast<size_t>(width) * static_cast<size_t>(height) * 17);
}

} // namespace

bool pictureSize(std::string_view bytes, int& width, int& height)
{
    int channels = 0;
    allowance = allowanceFor(1, 1);
    return stbi_info_from_memory(raw(bytes), static_cast<int>(bytes.size()), &width, &height, &channels) != 0;
}

std::vector<uint8_t> decodeRgba(std::string_view bytes, int& width, int& height)
{
    int channels = 0;
    allowance = allowanceFor(width, height);
    const auto size = static_cast<int>(bytes.size());
    const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
        stbi_load_from_memory(raw(bytes), size, &width, &height, &channels, 4), stbi_image_free);
    if (!pixels)
        return {};
    return {pixels.get(), pixels.get() + static_cast<size_t>(width) * static_cast<size_t>(height) * 4};
}

const char* failureReason()
{
    const char* reason = stbi_failure_reason();
    return reason ? reason : "unknown reason";
}

std::string encodePng(const uint8_t* pixels, int width, int height, int channels)
{
    std::string bytes;
    const auto append = [](void* context, void* data, int size) {
        static_cast<std::string*>(context)->append(static_cast<const char*>(data), static_cast<size_t>(size));
    };
    if (!stbi_write_png_to_func(append, &bytes, width, height, channels, pixels, width * channels))
        bytes.clear();
    return bytes;
}

} // namespace gradloom::data::stb
