#pragma once

#include "engine/base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace gradloom {

/// The whole content of a regular file. The size is checked before memory is taken; folders, devices and
/// pipes are refused. The message of an Error names the file and the reason.
Result<std::string> readFile(const std::filesystem::path& path, int64_t maxBytes);

/// Replaces `path` by `bytes` so that a reader sees the old or the new content and never a part: written to a
/// temporary file beside it, flushed to the disk, renamed. On an Error (folder missing or read-only, disk
/// full) the old file stands untouched and no temporary file is left.
Status writeFileAtomically(const std::filesystem::path& path, std::string_view bytes);
Status writeFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// Creates the folder and its parents where they are missing; an existing folder is fine.
Status makeFolder(const std::filesystem::path& path);

/// The same as writeFileAtomically for content that comes in pieces (weights, logs). Nothing is seen under
/// `path` before commit(); without it the destructor removes the temporary file. For one thread.
class AtomicFile
{
public:
    AtomicFile() = default;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    Status open(const std::filesystem::path& path);
    Status write(std::string_view bytes);
    Status write(std::span<const std::byte> bytes);
    /// Flushes to the disk and renames.
    Status commit();

private:
    Status fail(int code, const char* action);
    void discard();

    std::filesystem::path m_path;   ///< as the caller names it, for messages
    std::filesystem::path m_target; ///< what is replaced: m_path with symbolic links followed
    std::filesystem::path m_temporary;
    int m_descriptor = -1;
};

} // namespace gradloom
