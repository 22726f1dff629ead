#include "engine/backend/elf_file.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

#include <elf.h>

namespace gradloom::backend {

namespace {

/// Reads `count` records at an offset; nothing where the file ends before.
template <class Record>
std::vector<Record> recordsAt(std::ifstream& file, uint64_t size, uint64_t offset, size_t count)
{
    std::vector<Record> records(count);
    const uint64_t bytes = count * sizeof(Record);
    if (offset > size || bytes > size - offset)
        return {};
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(reinterpret_cast<char*>(records.data()), static_cast<std::streamsize>(bytes));
    return file ? records : std::vector<Record>();
}

bool isOurs(const Elf64_Ehdr& header)
{
    return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
           header.e_ident[EI_DATA] == ELFDATA2LSB && header.e_phentsize == sizeof(Elf64_Phdr);
}

} // namespace

bool isCutShort(const std::filesystem::path& path)
{
    std::error_code code;
    const uint64_t size = std::filesystem::file_size(path, code);
    std::ifstream file(path, std::ios::binary);
    if (code || !file)
        return false;
    const auto header = recordsAt<Elf64_Ehdr>(file, size, 0, 1);
    if (header.empty() || !isOurs(header[0]))
        return false;
    const Elf64_Ehdr& h = header[0];
    const auto segments = recordsAt<Elf64_Phdr>(file, size, h.e_phoff, h.e_phnum);
    if (segments.size() != h.e_phnum)
        return true;
    for (const Elf64_Phdr& segment : segments)
        if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
            return true;
    // The table of sections stands at the end.
    const uint64_t table = uint64_t{h.e_shnum} * h.e_shentsize;
    return h.e_shoff > size || table > size - h.e_shoff;
}

} // namespace gradloom::backend
