#include "engine/data/idx.h"

#include "engine/base/file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <optional>

#include <zlib.h>

namespace gradloom::data {

namespace {

constexpr int64_t maxFileBytes = int64_t{8} << 30;
constexpr int64_t maxExtent = 1 << 16;
/// Deflate cannot shrink data further than this (zlib technical details: 1032:1), so that a header which
/// claims more than the compressed bytes can hold is known to lie before any memory is taken.
constexpr int64_t maxDeflateRatio = 1032;
/// Up to here a plausible claim is believed; beyond it the compressed data is counted first.
constexpr int64_t believedBytes = int64_t{256} << 20;

std::string hex32(uint32_t value)
{
    char text[16];
    std::snprintf(text, sizeof text, "0x%08X", value);
    return text;
}

/// The content of a plain or gzip file as a stream.
class Stream
{
public:
    explicit Stream(std::string_view bytes) : m_rest(bytes)
    {
        m_gzip = bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
        if (m_gzip)
            m_open = inflateInit2(&m_state, 15 + 16) == Z_OK;
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream()
    {
        if (m_gzip && m_open)
            inflateEnd(&m_state);
    }

    bool compressed() const { return m_gzip; }
    bool ready() const { return !m_gzip || m_open; }
    /// What went wrong in the compressed data, empty when nothing did.
    const std::string& failure() const { return m_failure; }

    /// Fills as much of `out` as there is; a smaller number means the end or a failure.
    size_t read(std::span<char> out)
    {
        if (!m_gzip) {
            const size_t count = std::min(out.size(), m_rest.size());
            std::copy_n(m_rest.data(), count, out.data());
            m_rest.remove_prefix(count);
            return count;
        }
        size_t done = 0;
        while (done < out.size() && inflateSome(out, done)) {
        }
        return done;
    }

private:
    /// One call of zlib; false at the end of the data.
    bool inflateSome(std::span<char> out, size_t& done)
    {
        if (m_ended && !nextMember())
            return false;
        constexpr size_t piece = 1u << 30; // zlib counts in 32 bits
        const size_t input = std::min(m_rest.size(), piece);
        const size_t output = std::min(out.size() - done, piece);
        m_state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(m_rest.data()));
        m_state.avail_in = static_cast<uInt>(input);
        m_state.next_out = reinterpret_cast<Bytef*>(out.data() + done);
        m_state.avail_out = static_cast<uInt>(output);
        const int code = inflate(&m_state, Z_NO_FLUSH);
        m_rest.remove_prefix(input - m_state.avail_in);
        done += output - m_state.avail_out;
        m_ended = code == Z_STREAM_END;
        if (code == Z_OK || code == Z_STREAM_END)
            return true;
        m_failure =
            code == Z_BUF_ERROR ? "the compressed data ends too early" : "the compressed data is damaged";
        return false;
    }

    /// A gzip file may consist of several members, one after another.
    bool nextMember()
    {
        if (m_rest.empty() || !m_failure.empty())
            return false;
        if (inflateReset(&m_state) != Z_OK)
            return false;
        m_ended = false;
        return true;
    }

    std::string_view m_rest;
    z_stream m_state{};
    bool m_gzip = false;
    bool m_open = false;
    bool m_ended = false;
    std::string m_failure;
};

struct Header
{
    std::vector<int64_t> extents;
    int64_t bytes() const { return 4 + 4 * static_cast<int64_t>(extents.size()); }
    int64_t payload = 0;
};

/// One reading of one file: what messages need, together with the stream.
class Reader
{
public:
    Reader(std::string_view bytes, IdxContent content, const std::string& name)
        : m_bytes(bytes), m_content(content), m_name(name), m_stream(bytes)
    {
    }

    Result<Tensor> read()
    {
        if (!m_stream.ready())
            return Error{ErrorCode::OutOfMemory, m_name + ": there is no memory left to decompress it.", {}};
        auto header = readHeader();
        if (!header)
            return header.error();
        if (Status status = checkClaim(*header); !status)
            return status.error();
        return m_content == IdxContent::Labels ? readLabels(*header) : readPictures(*header);
    }

private:
    Error at(int64_t offset, const std::string& text) const
    {
        return invalidFile(m_name + ": byte " + std::to_string(offset) +
                           (m_stream.compressed() ? " of the decompressed data: " : ": ") + text);
    }

    const char* kind() const { return m_content == IdxContent::Labels ? "label" : "picture"; }

    Result<uint32_t> readNumber(int64_t offset, const char* field)
    {
        unsigned char four[4] = {};
        const size_t count = m_stream.read({reinterpret_cast<char*>(four), 4});
        if (!m_stream.failure().empty())
            return at(offset, m_stream.failure() + " while reading the " + field + "; get the file again.");
        if (count < 4)
            return at(offset, std::string("the file ends before the ") + field + "; get the file again.");
        return uint32_t{four[0]} << 24 | uint32_t{four[1]} << 16 | uint32_t{four[2]} << 8 | four[3];
    }

    Status checkMagic(uint32_t magic) const
    {
        const uint32_t type = magic >> 8;
        const uint32_t rank = magic & 0xFF;
        if (type > 0xFF)
            return at(0, "the magic number is " + hex32(magic) + ", so this is not an IDX file.");
        if (type != 0x08)
            return at(2, "the element type is " + hex32(type) +
                             " but only unsigned bytes (0x08) are read; convert the file.");
        const bool fits = m_content == IdxContent::Labels ? rank == 1 : rank == 3 || rank == 4;
        if (!fits)
            return at(3, std::string("a ") + kind() + " file has " +
                             (m_content == IdxContent::Labels ? "1 dimension" : "3 or 4 dimensions") +
                             " but this one has " + std::to_string(rank) +
                             "; check whether the files for pictures and labels are mixed up.");
        return {};
    }

    Result<Header> readHeader()
    {
        const auto magic = readNumber(0, "magic number");
        if (!magic)
            return magic.error();
        if (Status status = checkMagic(*magic); !status)
            return status.error();
        Header header;
        const char* fields[] = {"number of samples", "height", "width", "number of channels"};
        const auto rank = static_cast<int>(*magic & 0xFF);
        for (int axis = 0; axis < rank; ++axis) {
            const int64_t offset = 4 + 4 * axis;
            const auto extent = readNumber(offset, fields[axis]);
            if (!extent)
                return extent.error();
            const int64_t limit = axis == 0 ? INT32_MAX : axis == 3 ? 64 : maxExtent;
            if (*extent < 1 || *extent > limit)
                return at(offset, std::string("the ") + fields[axis] + " is " + std::to_string(*extent) +
                                      " but must be between 1 and " + std::to_string(limit) + ".");
            header.extents.push_back(*extent);
        }
        const auto shape = Shape::checked(header.extents);
        if (!shape)
            return at(4, shape.error().message);
        header.payload = shape->elements();
        return header;
    }

    /// Compares what the header claims with what the bytes can hold, before memory is taken for it.
    Status checkClaim(const Header& header)
    {
        const auto size = static_cast<int64_t>(m_bytes.size());
        const std::string claim =
            "the header claims " + std::to_string(header.payload) + " bytes of " + kind() + "s";
        if (!m_stream.compressed()) {
            const int64_t held = size - header.bytes();
            if (held == header.payload)
                return {};
            return at(4, claim + " but " + std::to_string(held) + " follow; the file is " +
                             (held < header.payload ? "cut short or its header wrong."
                                                    : "longer than its header says."));
        }
        if (header.payload / maxDeflateRatio > size)
            return at(4, claim + ", more than the " + std::to_string(size) + " compressed bytes can hold.");
        if (header.payload <= believedBytes)
            return {};
        return countDecompressed(header, claim);
    }

    Status countDecompressed(const Header& header, const std::string& claim) const
    {
        Stream counter(m_bytes);
        std::vector<char> piece(1 << 20);
        int64_t total = -header.bytes();
        size_t count = 0;
        do {
            count = counter.read(piece);
            total += static_cast<int64_t>(count);
        } while (count == piece.size() && total <= header.payload);
        if (!counter.failure().empty() || total != header.payload)
            return at(4, claim + " but the decompressed data has " +
                             (total > header.payload ? "more." : "only " + std::to_string(total) + "."));
        return {};
    }

    /// Reads exactly the payload and makes sure that nothing follows.
    Status readPayload(const Header& header, std::span<char> out)
    {
        const size_t count = m_stream.read(out);
        const int64_t end = header.bytes() + static_cast<int64_t>(count);
        char extra = 0;
        const bool more = count == out.size() && m_stream.read({&extra, 1}) > 0;
        if (more)
            return at(end, "the file goes on after the " + std::to_string(header.payload) +
                               " bytes that its header claims; it is longer than its header says.");
        // Reading past the end also makes zlib check the length and the checksum that end a gzip file.
        if (!m_stream.failure().empty())
            return at(end, m_stream.failure() + "; get the file again.");
        if (count < out.size())
            return at(end, "the file ends after " + std::to_string(count) + " of the " +
                               std::to_string(header.payload) +
                               " bytes that its header claims; get the file again.");
        return {};
    }

    Result<Tensor> readPictures(const Header& header)
    {
        auto extents = header.extents;
        if (extents.size() == 3)
            extents.push_back(1);
        Tensor pictures(Shape(extents), DType::U8);
        const auto bytes = pictures.as<char>();
        if (Status status = readPayload(header, bytes); !status)
            return status.error();
        return pictures;
    }

    Result<Tensor> readLabels(const Header& header)
    {
        std::vector<char> bytes(static_cast<size_t>(header.payload));
        if (Status status = readPayload(header, bytes); !status)
            return status.error();
        Tensor labels(Shape(header.extents), DType::I32);
        std::transform(bytes.begin(), bytes.end(), labels.as<int32_t>().begin(),
            [](char byte) { return static_cast<int32_t>(static_cast<unsigned char>(byte)); });
        return labels;
    }

    std::string_view m_bytes;
    IdxContent m_content;
    const std::string& m_name;
    Stream m_stream;
};

} // namespace

Result<Tensor> parseIdx(std::string_view bytes, IdxContent content, const std::string& name)
{
    try {
        return Reader(bytes, content, name).read();
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::OutOfMemory, name + ": its content does not fit into memory.", {}};
    }
}

Result<Tensor> readIdx(const std::filesystem::path& file, IdxContent content)
{
    const auto bytes = readFile(file, maxFileBytes);
    if (!bytes)
        return bytes.error();
    return parseIdx(*bytes, content, file.string());
}

bool looksLikeIdx(std::string_view bytes)
{
    if (bytes.size() < 4)
        return false;
    const bool gzip = bytes[0] == '\x1f' && bytes[1] == '\x8b';
    const bool plain = bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 8 && bytes[3] >= 1 && bytes[3] <= 4;
    return gzip || plain;
}

} // namespace gradloom::data
