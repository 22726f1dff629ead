#include "engine/base/file.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gradloom {

namespace {

std::string reason(int code)
{
    switch (code) {
    case ENOENT:
        return "the file or its folder does not exist";
    case EACCES:
    case EPERM:
        return "access is not permitted";
    case EROFS:
        return "the file system is read-only";
    case ENOSPC:
        return "the disk is full; free some space or choose another folder";
    case EDQUOT:
        return "the disk quota is used up; free some space or choose another folder";
    case ENOTDIR:
        return "a part of the path is a file, not a folder";
    case EISDIR:
        return "it is a folder, not a file";
    case ENAMETOOLONG:
        return "the name is too long";
    default:
        return std::generic_category().message(code);
    }
}

ErrorCode codeOf(int code)
{
    return code == ENOENT || code == ENOTDIR ? ErrorCode::NotFound : ErrorCode::Io;
}

Error fileError(const std::filesystem::path& path, const char* action, int code)
{
    return {codeOf(code), path.string() + " cannot be " + action + ": " + reason(code) + ".", {}};
}

/// Closes a descriptor at the end of a scope.
struct Descriptor
{
    explicit Descriptor(int value) : number(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor()
    {
        if (number >= 0)
            ::close(number);
    }
    int number;
};

Result<std::string> readAll(const std::filesystem::path& path, int descriptor, size_t size)
{
    std::string bytes(size, '\0');
    size_t done = 0;
    while (done < size) {
        const ssize_t count = ::read(descriptor, bytes.data() + done, size - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fileError(path, "read", errno);
        if (count == 0)
            break;
        done += static_cast<size_t>(count);
    }
    bytes.resize(done);
    return bytes;
}

} // namespace

Result<std::string> readFile(const std::filesystem::path& path, int64_t maxBytes)
{
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.number < 0)
        return fileError(path, "read", errno);
    struct stat status
    {
    };
    if (::fstat(file.number, &status) != 0)
        return fileError(path, "read", errno);
    if (S_ISDIR(status.st_mode))
        return fileError(path, "read", EISDIR);
    if (!S_ISREG(status.st_mode))
        return ioError(path.string() + " cannot be read: it is not a regular file.");
    if (status.st_size > maxBytes)
        return invalidFile(path.string() + " has " + std::to_string(status.st_size) +
                           " bytes, more than the " + std::to_string(maxBytes) +
                           " allowed for a file of its kind.");
    try {
        return readAll(path, file.number, static_cast<size_t>(status.st_size));
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::OutOfMemory,
            path.string() + " cannot be read: its " + std::to_string(status.st_size) +
                " bytes do not fit into memory.",
            {}};
    }
}

Status writeFileAtomically(const std::filesystem::path& path, std::string_view bytes)
{
    AtomicFile file;
    if (Status status = file.open(path); !status)
        return status;
    if (Status status = file.write(bytes); !status)
        return status;
    return file.commit();
}

Status writeFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes)
{
    return writeFileAtomically(
        path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Status makeFolder(const std::filesystem::path& path)
{
    std::error_code code;
    if (std::filesystem::is_directory(path, code))
        return {};
    if (std::filesystem::exists(path, code))
        return ioError(
            "The folder " + path.string() + " cannot be created: a file of this name is in its place.");
    std::filesystem::create_directories(path, code);
    if (code)
        return Error{codeOf(code.value()),
            "The folder " + path.string() + " cannot be created: " + reason(code.value()) + ".", {}};
    return {};
}

AtomicFile::~AtomicFile()
{
    discard();
}

Status AtomicFile::open(const std::filesystem::path& path)
{
    discard();
    m_path = path;
    m_target = path;
    std::error_code code;
    if (std::filesystem::is_directory(path, code))
        return fileError(path, "written", EISDIR);
    // A rename would replace the link itself; what the link points to is meant.
    if (std::filesystem::is_symlink(path, code))
        m_target = std::filesystem::weakly_canonical(path, code);
    // Renaming over a device, as in "-o /dev/null", would delete the device.
    if (std::filesystem::exists(m_target, code) && !std::filesystem::is_regular_file(m_target, code))
        return ioError(path.string() + " cannot be written: it is not a regular file.");
    // An existing file that may not be written is protected on purpose, although a rename would get past
    // that.
    if (std::filesystem::exists(m_target, code) && ::access(m_target.c_str(), W_OK) != 0)
        return fileError(path, "written", errno);

    static std::atomic<unsigned> counter{0};
    m_temporary = m_target;
    m_temporary += '.' + std::to_string(::getpid()) + '-' + std::to_string(counter++) + ".tmp";
    m_descriptor = ::open(m_temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (m_descriptor < 0)
        return fileError(path, "written", errno);
    struct stat existing
    {
    };
    // Best effort: the new file keeps the access rights of the old one.
    if (::stat(m_target.c_str(), &existing) == 0 && ::fchmod(m_descriptor, existing.st_mode & 07777) != 0)
        return {};
    return {};
}

Status AtomicFile::write(std::string_view bytes)
{
    if (m_descriptor < 0)
        throw std::logic_error("AtomicFile: write without open");
    while (!bytes.empty()) {
        const ssize_t count = ::write(m_descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(errno, "written");
        bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

Status AtomicFile::write(std::span<const std::byte> bytes)
{
    return write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Status AtomicFile::commit()
{
    if (m_descriptor < 0)
        throw std::logic_error("AtomicFile: commit without open");
    if (::fsync(m_descriptor) != 0)
        return fail(errno, "written");
    // Some file systems report a full disk only here.
    if (::close(std::exchange(m_descriptor, -1)) != 0)
        return fail(errno, "written");
    if (::rename(m_temporary.c_str(), m_target.c_str()) != 0)
        return fail(errno, "replaced");
    m_temporary.clear();
    // The rename itself survives a power cut only when the folder is flushed too; not every file system can.
    const std::filesystem::path folder = m_target.has_parent_path() ? m_target.parent_path() : ".";
    const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.number >= 0)
        ::fsync(parent.number);
    return {};
}

Status AtomicFile::fail(int code, const char* action)
{
    discard();
    return fileError(m_path, action, code);
}

void AtomicFile::discard()
{
    if (m_descriptor >= 0)
        ::close(std::exchange(m_descriptor, -1));
    if (!m_temporary.empty())
        ::unlink(m_temporary.c_str());
    m_temporary.clear();
}

} // namespace gradloom
