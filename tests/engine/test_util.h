#pragma once

#include "engine/tensor/tensor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include <unistd.h>
#include <zlib.h>

/// Small things that several tests need.
namespace gradloom::test {

/// A folder of its own for a test, removed at its end.
class TempFolder
{
public:
    TempFolder()
    {
        static std::atomic<int> counter{0};
        m_path = std::filesystem::temp_directory_path() /
                 ("gradloom-test-" + std::to_string(::getpid()) + "-" + std::to_string(counter++));
        std::filesystem::create_directories(m_path);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path operator/(const std::string& name) const { return m_path / name; }
    size_t fileCount() const
    {
        return static_cast<size_t>(std::distance(
            std::filesystem::directory_iterator(m_path), std::filesystem::directory_iterator()));
    }

private:
    std::filesystem::path m_path;
};

/// While it lives the process has the rights of nobody, so that tests of missing rights hold for the superuser too.
class Unprivileged
{
public:
    Unprivileged() : m_user(::geteuid())
    {
        if (m_user == 0) {
            EXPECT_EQ(::seteuid(65534), 0);
        }
    }
    Unprivileged(const Unprivileged&) = delete;
    Unprivileged& operator=(const Unprivileged&) = delete;
    ~Unprivileged() { EXPECT_EQ(::seteuid(m_user), 0); }

private:
    uid_t m_user;
};

inline void writeBytes(const std::filesystem::path& path, std::string_view bytes)
{
    std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string readBytes(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string gzip(std::string_view bytes)
{
    z_stream state{};
    EXPECT_EQ(deflateInit2(&state, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(deflateBound(&state, bytes.size()), '\0');
    state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    state.avail_in = static_cast<uInt>(bytes.size());
    state.next_out = reinterpret_cast<Bytef*>(out.data());
    state.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
    out.resize(state.total_out);
    deflateEnd(&state);
    return out;
}

/// An IDX file of unsigned bytes: header for `extents`, then `values`.
inline std::string idxBytes(std::span<const uint32_t> extents, std::string_view values)
{
    std::string bytes{'\0', '\0', '\x08', static_cast<char>(extents.size())};
    for (uint32_t extent : extents)
        for (int shift = 24; shift >= 0; shift -= 8)
            bytes += static_cast<char>(extent >> shift & 0xFF);
    return bytes.append(values);
}

inline std::string idxBytes(std::initializer_list<uint32_t> extents, std::string_view values)
{
    return idxBytes(std::span(extents.begin(), extents.size()), values);
}

/// Writes an IDX data set of small pictures whose bytes count up: `training` and `test` samples of height ×
/// width, labels 0, 1, ... classes-1, 0, ...
struct IdxSet
{
    uint32_t training = 30;
    uint32_t test = 12;
    uint32_t height = 6;
    uint32_t width = 5;
    uint32_t classes = 3;
    bool compressed = false;

    void write(const std::filesystem::path& folder) const
    {
        writePart(folder, "train", training);
        writePart(folder, "t10k", test);
    }

private:
    void writePart(const std::filesystem::path& folder, const std::string& prefix, uint32_t count) const
    {
        std::string pixels(size_t{count} * height * width, '\0');
        for (size_t i = 0; i < pixels.size(); ++i)
            pixels[i] = static_cast<char>(i % 251);
        std::string labels(count, '\0');
        for (size_t i = 0; i < count; ++i)
            labels[i] = static_cast<char>(i % classes);
        writeOne(folder / (prefix + "-images-idx3-ubyte"), idxBytes({count, height, width}, pixels));
        writeOne(folder / (prefix + "-labels-idx1-ubyte"), idxBytes({count}, labels));
    }
    void writeOne(const std::filesystem::path& path, const std::string& bytes) const
    {
        if (compressed)
            writeBytes(path.string() + ".gz", gzip(bytes));
        else
            writeBytes(path, bytes);
    }
};

/// Success of a Result in a test: EXPECT_TRUE(succeeded(result)) shows the message on failure.
template <typename T>
testing::AssertionResult succeeded(const T& result)
{
    if (result.ok())
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message;
}

/// Failure of a Result with one sentence that holds all of `parts`.
template <typename T>
testing::AssertionResult failsWith(const T& result, std::initializer_list<std::string_view> parts)
{
    if (result.ok())
        return testing::AssertionFailure() << "succeeded";
    const std::string& message = result.error().message;
    for (std::string_view part : parts)
        if (message.find(part) == std::string::npos)
            return testing::AssertionFailure() << "\"" << message << "\" lacks \"" << part << "\"";
    if (message.empty() || message.back() != '.' || message.find('\n') != std::string::npos)
        return testing::AssertionFailure() << "\"" << message << "\" is not one sentence";
    return testing::AssertionSuccess();
}

} // namespace gradloom::test
