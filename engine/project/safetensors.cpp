#include "engine/project/safetensors.h"

#include "engine/base/file.h"
#include "engine/project/json_item.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

namespace gradloom::project {

namespace {

using nlohmann::json;

constexpr size_t lengthBytes = 8;
/// The format's own limit for the header.
constexpr uint64_t maxHeaderBytes = 100'000'000;
constexpr int64_t maxFileBytes = int64_t{16} << 30;
constexpr JsonLimits headerLimits{4, 2'000'000};
constexpr const char* metadataKey = "__metadata__";

struct TypeName
{
    DType type;
    const char* name;
};
constexpr TypeName typeNames[] = {{DType::F32, "F32"}, {DType::I32, "I32"}, {DType::U8, "U8"}};

const char* nameInFile(DType type)
{
    return std::find_if(std::begin(typeNames), std::end(typeNames), [&](auto& t) {
        return t.type == type;
    })->name;
}

std::optional<DType> typeInFile(const std::string& name)
{
    for (const TypeName& entry : typeNames)
        if (entry.name == name)
            return entry.type;
    return std::nullopt;
}

/// Where a tensor's bytes are, as the header says.
struct Entry
{
    std::string name;
    TensorType type;
    int64_t begin = 0;
    int64_t end = 0;
};

uint64_t readLength(std::string_view bytes)
{
    uint64_t length = 0;
    for (size_t i = 0; i < lengthBytes; ++i)
        length |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return length;
}

std::string quoted(const std::string& name)
{
    return "tensor " + shown(name);
}

TensorType readType(const Item& item)
{
    const Item dtype = item.required("dtype");
    const std::string name = dtype.text(16);
    const auto type = typeInFile(name);
    if (!type && dtype.present())
        dtype.report("is " + shown(dtype.value()) + ", but only F32, I32 and U8 are supported");
    const Item shapeItem = item.required("shape");
    std::vector<int64_t> extents;
    for (const Item& extent : shapeItem.elements(Shape::maxRank))
        extents.push_back(extent.integer(1, Shape::maxElements, 1));
    auto shape = Shape::checked(extents);
    if (!shape) {
        shapeItem.report("claims more than 2^40 elements");
        return {};
    }
    return {*shape, type.value_or(DType::F32)};
}

Entry readEntry(const Item& item, const std::string& name, int64_t dataBytes)
{
    Entry entry;
    entry.name = name;
    if (!item.isObject({"dtype", "shape", "data_offsets"}))
        return entry;
    entry.type = readType(item);
    const Item offsets = item.required("data_offsets");
    const auto both = offsets.elements(2);
    if (offsets.present() && both.size() != 2)
        offsets.report("must be two numbers, begin and end");
    if (item.faults().any())
        return entry;
    entry.begin = both[0].integer(0, dataBytes, 0);
    entry.end = both[1].integer(0, dataBytes, 0);
    if (!item.faults().any() && entry.end - entry.begin != entry.type.bytes())
        offsets.report("claim " + std::to_string(entry.end - entry.begin) + " bytes, but " +
                       entry.type.shape.toString() + " of " + nameInFile(entry.type.dtype) + " has " +
                       std::to_string(entry.type.bytes()));
    return entry;
}

std::map<std::string, std::string> readMetadata(const Item& item)
{
    std::map<std::string, std::string> metadata;
    if (!item.value().is_object()) {
        item.report("must be an object but is " + shown(item.value()));
        return metadata;
    }
    for (const auto& [key, value] : item.value().items())
        metadata[key] = Item(item.faults(), &value, item.place()).text(maxHeaderBytes);
    return metadata;
}

/// The tensors must fill the data without holes and overlaps: nothing can hide in the file.
void checkLayout(std::vector<Entry> entries, int64_t dataBytes, Faults& faults)
{
    std::sort(
        entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
    int64_t filled = 0;
    for (const Entry& entry : entries) {
        if (entry.begin != filled) {
            faults.report(quoted(entry.name), "begins at byte " + std::to_string(entry.begin) +
                                                  " of the data, but the one before it ends at " +
                                                  std::to_string(filled));
            return;
        }
        filled = entry.end;
    }
    if (filled != dataBytes)
        faults.report("the data", "has " + std::to_string(dataBytes) + " bytes, but the tensors fill only " +
                                      std::to_string(filled));
}

Result<json> readHeader(const std::string& bytes, const std::string& origin)
{
    if (bytes.size() < lengthBytes)
        return invalidFile(
            origin + " is not a safetensors file: it has only " + std::to_string(bytes.size()) + " bytes.");
    const uint64_t length = readLength(bytes);
    if (length > maxHeaderBytes)
        return invalidFile(origin + " is not a safetensors file: its header claims " +
                           std::to_string(length) + " bytes, more than the 100000000 allowed.");
    if (length > bytes.size() - lengthBytes)
        return invalidFile(origin + " is cut off: its header claims " + std::to_string(length) +
                           " bytes, but only " + std::to_string(bytes.size() - lengthBytes) + " follow.");
    const auto header = std::string_view(bytes).substr(lengthBytes, length);
    if (header.empty() || header[0] != '{')
        return invalidFile(origin + " is not a safetensors file: its header is not a JSON object.");
    return parseJson(header, origin + " (header)", headerLimits);
}

TensorFile copyTensors(const std::vector<Entry>& entries, const char* data)
{
    TensorFile file;
    for (const Entry& entry : entries) {
        Tensor tensor(entry.type.shape, entry.type.dtype);
        std::memcpy(tensor.data(), data + entry.begin, static_cast<size_t>(entry.type.bytes()));
        file.tensors.emplace(entry.name, std::move(tensor));
    }
    return file;
}

/// Tensors in the order of their data: elements of four bytes before single bytes, so that every tensor is
/// aligned for readers that map the file; among them by name.
std::vector<std::pair<std::string, const Tensor*>> dataOrder(const TensorFile& file)
{
    std::vector<std::pair<std::string, const Tensor*>> order;
    for (const auto& [name, tensor] : file.tensors)
        order.emplace_back(name, &tensor);
    std::stable_partition(
        order.begin(), order.end(), [](const auto& entry) { return sizeOf(entry.second->dtype()) > 1; });
    return order;
}

std::string formatHeader(const TensorFile& file)
{
    json header = json::object();
    if (!file.metadata.empty())
        header[metadataKey] = file.metadata;
    int64_t offset = 0;
    for (const auto& [name, tensor] : dataOrder(file)) {
        header[name] = {{"dtype", nameInFile(tensor->dtype())}, {"shape", tensor->shape().toVector()},
            {"data_offsets", {offset, offset + tensor->bytes()}}};
        offset += tensor->bytes();
    }
    std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
    // Blanks at the end are allowed and bring the data to a multiple of eight.
    text.append((8 - text.size() % 8) % 8, ' ');
    std::string length(lengthBytes, '\0');
    for (size_t i = 0; i < lengthBytes; ++i)
        length[i] = static_cast<char>(uint64_t{text.size()} >> (8 * i) & 0xFF);
    return length + text;
}

} // namespace

Result<TensorFile> parseSafetensors(const std::string& bytes, const std::string& origin)
{
    auto header = readHeader(bytes, origin);
    if (!header)
        return header.error();
    const size_t dataStart = lengthBytes + readLength(bytes);
    const auto dataBytes = static_cast<int64_t>(bytes.size() - dataStart);

    Faults faults(origin);
    std::vector<Entry> entries;
    std::map<std::string, std::string> metadata;
    for (const auto& [name, value] : header->items()) {
        if (name == metadataKey)
            metadata = readMetadata({faults, &value, metadataKey});
        else
            entries.push_back(readEntry({faults, &value, quoted(name)}, name, dataBytes));
        if (faults.any())
            return faults.error();
    }
    checkLayout(entries, dataBytes, faults);
    if (faults.any())
        return faults.error();
    // The layout was checked, so the tensors together take exactly what the file has.
    try {
        TensorFile file = copyTensors(entries, bytes.data() + dataStart);
        file.metadata = std::move(metadata);
        return file;
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::OutOfMemory,
            origin + ": its tensors (" + std::to_string(dataBytes) + " bytes) do not fit into memory.", {}};
    }
}

Result<TensorFile> loadSafetensors(const std::filesystem::path& path)
{
    auto bytes = readFile(path, maxFileBytes);
    if (!bytes)
        return bytes.error();
    return parseSafetensors(*bytes, path.string());
}

Status saveSafetensors(const TensorFile& file, const std::filesystem::path& path)
{
    for (const auto& [name, tensor] : file.tensors)
        if (name == metadataKey || tensor.bytes() == 0)
            return invalidArgument(path.string() + " cannot be written: " + quoted(name) +
                                   (tensor.bytes() == 0 ? " is empty." : " has a reserved name."));
    const std::string header = formatHeader(file);
    AtomicFile out;
    if (auto status = out.open(path); !status)
        return status;
    if (auto status = out.write(header); !status)
        return status;
    for (const auto& [name, tensor] : dataOrder(file))
        if (auto status = out.write(std::span(tensor->data(), static_cast<size_t>(tensor->bytes()))); !status)
            return status;
    return out.commit();
}

} // namespace gradloom::project
