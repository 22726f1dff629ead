#include "engine/data/npy.h"

#include "engine/base/file.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

namespace gradloom::data {

namespace {

static_assert(std::endian::native == std::endian::little, "arrays are read as they lie in the file");

constexpr int64_t maxArrayFileBytes = int64_t{4} << 30;
constexpr std::string_view npyMagic = "\x93NUMPY";

struct NpyHeader
{
    std::string type;
    bool fortran = false;
    std::vector<int64_t> extents;
    size_t begin = 0; ///< of the data
};

Error npyFault(const std::string& name, const std::string& what)
{
    return invalidFile(name + ": " + what + ".");
}

/// The text behind `'key':` in the header, a Python dictionary that NumPy writes in one fixed way.
std::optional<std::string_view> npyField(std::string_view header, std::string_view key)
{
    const std::string quoted = "'" + std::string(key) + "'";
    const size_t at = header.find(quoted);
    if (at == std::string_view::npos)
        return {};
    const size_t colon = header.find_first_not_of(' ', at + quoted.size());
    if (colon == std::string_view::npos || header[colon] != ':')
        return {};
    const size_t value = header.find_first_not_of(' ', colon + 1);
    return value == std::string_view::npos ? std::nullopt : std::optional(header.substr(value));
}

bool npyShape(std::string_view text, std::vector<int64_t>& extents)
{
    if (!text.starts_with('('))
        return false;
    const size_t close = text.find(')');
    if (close == std::string_view::npos)
        return false;
    text = text.substr(1, close - 1);
    while (!text.empty()) {
        const size_t begin = text.find_first_not_of(", ");
        if (begin == std::string_view::npos)
            return true;
        text = text.substr(begin);
        int64_t extent = 0;
        const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), extent);
        if (code != std::errc() || extent < 0 || extents.size() > 32)
            return false;
        extents.push_back(extent);
        text = text.substr(static_cast<size_t>(end - text.data()));
        if (text.starts_with('L')) // Python 2
            text.remove_prefix(1);
    }
    return true;
}

Result<NpyHeader> parseNpyHeader(std::string_view bytes, const std::string& name)
{
    if (!bytes.starts_with(npyMagic) || bytes.size() < 10)
        return npyFault(name, "byte 0: this is no NumPy array (it does not begin with \\x93NUMPY)");
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
    const size_t version = byte(6);
    if (version < 1 || version > 3)
        return npyFault(name, "byte 6: format " + std::to_string(version) +
                                  " is not known; save it with NumPy's format 1 to 3");
    const size_t lengthBytes = version == 1 ? 2 : 4;
    size_t length = byte(8) | byte(9) << 8;
    if (bytes.size() < 8 + lengthBytes)
        return npyFault(name, "byte 8: the file ends in its header");
    if (version > 1)
        length |= byte(10) << 16 | byte(11) << 24;
    NpyHeader header;
    header.begin = 8 + lengthBytes + length;
    if (header.begin > bytes.size())
        return npyFault(
            name, "byte 8: the header has " + std::to_string(length) + " bytes but the file ends before");
    const std::string_view text = bytes.substr(8 + lengthBytes, length);
    const auto type = npyField(text, "descr");
    const auto order = npyField(text, "fortran_order");
    const auto shape = npyField(text, "shape");
    if (!type || !order || !shape)
        return npyFault(name, "byte 10: the header lacks descr, fortran_order or shape");
    if (!type->starts_with('\'') || type->find('\'', 1) == std::string_view::npos)
        return npyFault(name, "byte 10: arrays of records cannot be read; save one column at a time");
    header.type = type->substr(1, type->find('\'', 1) - 1);
    header.fortran = order->starts_with("True");
    if (!npyShape(*shape, header.extents))
        return npyFault(name, "byte 10: the shape in the header is none");
    return header;
}

struct NpyType
{
    const char* name;
    DType result;
    int64_t bytes;
};

constexpr NpyType npyTypes[] = {{"<f4", DType::F32, 4}, {"<f8", DType::F32, 8}, {"|u1", DType::U8, 1},
    {"|b1", DType::U8, 1}, {"<i4", DType::I32, 4}, {"<i8", DType::I32, 8}};

const NpyType* npyTypeOf(const std::string& name)
{
    for (const NpyType& type : npyTypes)
        if (name == type.name)
            return &type;
    return nullptr;
}

Result<Tensor> convertNpy(
    std::string_view data, const Shape& shape, const NpyType& type, const std::string& name)
{
    Tensor tensor(shape, type.result);
    if (sizeOf(type.result) == type.bytes) {
        std::memcpy(tensor.data(), data.data(), data.size());
        return tensor;
    }
    for (size_t i = 0; i < static_cast<size_t>(shape.elements()); ++i) {
        if (type.result == DType::F32) {
            double value = 0;
            std::memcpy(&value, data.data() + 8 * i, 8);
            tensor.floats()[i] = static_cast<float>(value);
            continue;
        }
        int64_t value = 0;
        std::memcpy(&value, data.data() + 8 * i, 8);
        if (value < INT32_MIN || value > INT32_MAX)
            return npyFault(name, "element " + std::to_string(i) + " is " + std::to_string(value) +
                                      ", which does not fit into 32 bits");
        tensor.as<int32_t>()[i] = static_cast<int32_t>(value);
    }
    return tensor;
}

} // namespace

Result<Tensor> parseNpy(std::string_view bytes, const std::string& name)
{
    const auto header = parseNpyHeader(bytes, name);
    if (!header)
        return header.error();
    const NpyType* type = npyTypeOf(header->type);
    if (!type)
        return npyFault(name, "byte 10: arrays of the type " + header->type.substr(0, 40) +
                                  " cannot be read; convert it to float32, float64, uint8, int32 or int64");
    if (header->fortran)
        return npyFault(name, "byte 10: the array lies in Fortran order; save numpy.ascontiguousarray of it");
    const auto shape = Shape::checked(header->extents);
    if (!shape || shape->rank() == 0)
        return npyFault(
            name, "byte 10: the array has no elements, or more dimensions or elements than can be read");
    const std::string_view data = bytes.substr(header->begin);
    const int64_t needed = shape->elements() * type->bytes;
    if (static_cast<int64_t>(data.size()) != needed)
        return npyFault(name, "byte " + std::to_string(header->begin) + ": an array " + shape->toString() +
                                  " has " + std::to_string(needed) + " bytes but the file has " +
                                  std::to_string(data.size()) + " more; it is cut off or damaged");
    return convertNpy(data, *shape, *type, name);
}

Result<std::map<std::string, Tensor>> parseArrays(std::string_view bytes, const std::string& name)
{
    std::map<std::string, Tensor> arrays;
    if (!bytes.starts_with("PK")) {
        auto array = parseNpy(bytes, name);
        if (!array)
            return array.error();
        arrays.emplace("", std::move(*array));
        return arrays;
    }
    auto files = parseZip(bytes, name);
    if (!files)
        return files.error();
    for (auto& [member, content] : *files) {
        if (!member.ends_with(".npy"))
            continue;
        auto array = parseNpy(content, name + ": " + member);
        if (!array)
            return array.error();
        content = {};
        arrays.emplace(member.substr(0, member.size() - 4), std::move(*array));
    }
    if (arrays.empty())
        return npyFault(name, "the archive holds no arrays (*.npy)");
    return arrays;
}

Result<std::map<std::string, Tensor>> readArrays(const std::filesystem::path& file)
{
    const auto bytes = readFile(file, maxArrayFileBytes);
    if (!bytes)
        return bytes.error();
    return parseArrays(*bytes, file.string());
}

} // namespace gradloom::data
