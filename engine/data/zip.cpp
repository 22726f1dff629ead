#include "engine/data/npy.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

namespace gradloom::data {

namespace {

constexpr uint64_t maxUnpackedBytes = uint64_t{4} << 30;
constexpr uint32_t endMark = 0x06054b50;
constexpr uint32_t centralMark = 0x02014b50;
constexpr uint32_t localMark = 0x04034b50;

struct ZipMember
{
    std::string name;
    uint32_t method = 0;
    uint32_t crc = 0;
    uint64_t packed = 0;
    uint64_t unpacked = 0;
    uint64_t local = 0; ///< where its local header begins
};

class ZipReader
{
public:
    ZipReader(std::string_view bytes, const std::string& name) : m_bytes(bytes), m_name(name) {}

    Result<std::map<std::string, std::string>> read()
    {
        std::map<std::string, std::string> files;
        uint64_t at = 0;
        uint64_t count = 0;
        if (Status status = findDirectory(at, count); !status)
            return status.error();
        uint64_t total = 0;
        uint64_t packed = 0;
        for (uint64_t i = 0; i < count; ++i) {
            ZipMember member;
            if (Status status = readMember(at, member); !status)
                return status.error();
            total += member.unpacked;
            packed += member.packed;
            if (total > maxUnpackedBytes)
                return fault("unpacks to more than 4 GiB");
            if (packed > m_bytes.size()) // else a small archive could unpack one part a thousand times
                return fault("holds files that overlap");
            auto content = unpack(member);
            if (!content)
                return content.error();
            files.insert_or_assign(member.name, std::move(*content));
        }
        return files;
    }

private:
    Error fault(const std::string& what) const { return invalidFile(m_name + ": the archive " + what + "."); }
    bool has(uint64_t at, uint64_t length) const
    {
        return at <= m_bytes.size() && length <= m_bytes.size() - at;
    }
    /// A little-endian number of `length` bytes that are known to be there.
    uint64_t number(uint64_t at, int length) const
    {
        uint64_t value = 0;
        for (int i = length - 1; i >= 0; --i)
            value = value << 8 | static_cast<uint8_t>(m_bytes[at + static_cast<uint64_t>(i)]);
        return value;
    }

    /// The record at the end, behind which only a comment of at most 65535 bytes may stand.
    Status findDirectory(uint64_t& at, uint64_t& count) const
    {
        constexpr uint64_t length = 22;
        if (m_bytes.size() < length)
            return fault("is cut off");
        const uint64_t last = m_bytes.size() - length;
        for (uint64_t back = 0; back <= std::min<uint64_t>(last, 65535); ++back) {
            const uint64_t place = last - back;
            if (number(place, 4) != endMark)
                continue;
            const bool whole = number(place + 4, 2) == 0 && number(place + 8, 2) == number(place + 10, 2);
            count = number(place + 10, 2);
            at = number(place + 16, 4);
            if (!whole || count == 0xFFFF || at == 0xFFFFFFFF)
                return fault("is in parts or larger than 4 GiB, which cannot be read");
            return {};
        }
        return fault("has no directory; it is cut off or damaged");
    }

    Status readMember(uint64_t& at, ZipMember& member) const
    {
        constexpr uint64_t length = 46;
        if (!has(at, length) || number(at, 4) != centralMark)
            return fault("has a damaged directory (byte " + std::to_string(at) + ")");
        const uint64_t nameLength = number(at + 28, 2);
        const uint64_t rest = nameLength + number(at + 30, 2) + number(at + 32, 2);
        if (!has(at + length, rest))
            return fault("has a damaged directory (byte " + std::to_string(at) + ")");
        member.name = m_bytes.substr(at + length, nameLength);
        member.method = static_cast<uint32_t>(number(at + 10, 2));
        member.crc = static_cast<uint32_t>(number(at + 16, 4));
        member.packed = number(at + 20, 4);
        member.unpacked = number(at + 24, 4);
        member.local = number(at + 42, 4);
        if (number(at + 8, 2) & 1)
            return fault("is encrypted, which cannot be read");
        if (member.packed == 0xFFFFFFFF || member.unpacked == 0xFFFFFFFF)
            return fault("holds files larger than 4 GiB, which cannot be read");
        at += length + rest;
        return {};
    }

    Result<std::string> unpack(const ZipMember& member) const
    {
        constexpr uint64_t length = 30;
        if (!has(member.local, length) || number(member.local, 4) != localMark)
            return fault("does not hold " + member.name + " where its directory says");
        const uint64_t begin =
            member.local + length + number(member.local + 26, 2) + number(member.local + 28, 2);
        if (!has(begin, member.packed))
            return fault("ends within " + member.name);
        const std::string_view packed = m_bytes.substr(begin, member.packed);
        std::string content;
        if (member.method == 0 && member.packed == member.unpacked)
            content = packed;
        else if (member.method != 8 || !inflateInto(packed, member.unpacked, content))
            return fault(
                "holds " + member.name + ", which is damaged or packed by a method other than deflate");
        const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size());
        if (crc != member.crc)
            return fault("holds " + member.name + ", which is damaged (its checksum differs)");
        return content;
    }

    /// True when `packed` unpacks to exactly `size` bytes.
    static bool inflateInto(std::string_view packed, uint64_t size, std::string& content)
    {
        constexpr uint64_t bestRatio = 1032; // of deflate
        if (size > packed.size() * bestRatio + 64)
            return false;
        content.resize(size);
        z_stream stream{};
        if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
            return false;
        int code = Z_OK;
        uint64_t in = 0;
        uint64_t out = 0;
        char none = 0; // zlib wants a place to write to even where nothing is to be written
        while (code == Z_OK) {
            constexpr uint64_t block = uint64_t{1} << 30;
            stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + in));
            stream.avail_in = static_cast<uInt>(std::min(block, packed.size() - in));
            stream.next_out = reinterpret_cast<Bytef*>(size > 0 ? content.data() + out : &none);
            stream.avail_out = static_cast<uInt>(std::min(block, size - out));
            const auto inBefore = stream.avail_in;
            const auto outBefore = stream.avail_out;
            code = inflate(&stream, Z_NO_FLUSH);
            in += inBefore - stream.avail_in;
            out += outBefore - stream.avail_out;
        }
        inflateEnd(&stream);
        return code == Z_STREAM_END && out == size;
    }

    std::string_view m_bytes;
    const std::string& m_name;
};

} // namespace

Result<std::map<std::string, std::string>> parseZip(std::string_view bytes, const std::string& name)
{
    return ZipReader(bytes, name).read();
}

} // namespace gradloom::data
