#include "engine/data/image.h"

#include "engine/base/file.h"
#include "engine/data/idx.h"
#include "engine/data/stb.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <new>

namespace gradloom::data {

namespace {

constexpr int64_t maxPictureFileBytes = int64_t{256} << 20;
constexpr int64_t maxIdxFileBytes = int64_t{2} << 30;
constexpr int64_t maxPixels = int64_t{64} << 20;

/// The contribution of the input positions first, first + 1, ... to one output position.
struct Taps
{
    int64_t first = 0;
    std::vector<float> weights;
};

Taps meanTaps(int64_t from, int64_t to, int64_t position)
{
    const double step = static_cast<double>(from) / static_cast<double>(to);
    const double begin = static_cast<double>(position) * step;
    const double end = std::min(begin + step, static_cast<double>(from));
    Taps taps{static_cast<int64_t>(begin), {}};
    for (int64_t i = taps.first; i < from && static_cast<double>(i) < end; ++i) {
        const double covered =
            std::min(end, static_cast<double>(i + 1)) - std::max(begin, static_cast<double>(i));
        taps.weights.push_back(static_cast<float>(covered / (end - begin)));
    }
    return taps;
}

Taps bilinearTaps(int64_t from, int64_t to, int64_t position)
{
    const double step = static_cast<double>(from) / static_cast<double>(to);
    const double centre =
        std::clamp((static_cast<double>(position) + 0.5) * step - 0.5, 0.0, static_cast<double>(from - 1));
    const auto first = static_cast<int64_t>(centre);
    const auto share = static_cast<float>(centre - static_cast<double>(first));
    if (first + 1 >= from)
        return {first, {1.0f}};
    return {first, {1.0f - share, share}};
}

std::vector<Taps> makeTaps(int64_t from, int64_t to)
{
    std::vector<Taps> taps;
    for (int64_t position = 0; position < to; ++position)
        taps.push_back(to < from ? meanTaps(from, to, position) : bilinearTaps(from, to, position));
    return taps;
}

/// Resizes the middle one of the three dimensions outer × from × inner.
Tensor resizeAxis(const Tensor& image, int axis, int64_t to)
{
    const Shape& shape = image.shape();
    int64_t outer = 1;
    int64_t inner = 1;
    for (int i = 0; i < shape.rank(); ++i)
        (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
    const int64_t from = shape[axis];
    Shape resized = shape;
    resized.setExtent(axis, to);
    Tensor result(resized);
    const auto taps = makeTaps(from, to);
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t t = 0; t < to; ++t) {
            const Taps& tap = taps[static_cast<size_t>(t)];
            float* out = result.floats().data() + (o * to + t) * inner;
            const float* in = image.floats().data() + (o * from + tap.first) * inner;
            for (size_t k = 0; k < tap.weights.size(); ++k)
                for (int64_t i = 0; i < inner; ++i)
                    out[i] += tap.weights[k] * in[static_cast<int64_t>(k) * inner + i];
        }
    return result;
}

Tensor toFloat(const Tensor& image)
{
    Tensor result(image.shape());
    const auto bytes = image.as<uint8_t>();
    std::transform(
        bytes.begin(), bytes.end(), result.floats().begin(), [](uint8_t v) { return static_cast<float>(v); });
    return result;
}

Tensor toBytes(const Tensor& image)
{
    Tensor result(image.shape(), DType::U8);
    const auto values = image.floats();
    std::transform(values.begin(), values.end(), result.as<uint8_t>().begin(),
        [](float v) { return static_cast<uint8_t>(std::lround(std::clamp(v, 0.0f, 255.0f))); });
    return result;
}

/// From 1, 3 or 4 channels (0 .. 255) to 1, 3 or 4. Transparency is laid on white, the way viewers show it.
Tensor convertChannels(const Tensor& image, int64_t to)
{
    const int64_t from = image.shape()[2];
    if (from == to)
        return image;
    Tensor result(Shape{image.shape()[0], image.shape()[1], to});
    const float* in = image.floats().data();
    float* out = result.floats().data();
    for (int64_t i = 0; i < image.shape()[0] * image.shape()[1]; ++i, in += from, out += to) {
        const float alpha = from == 4 && to != 4 ? in[3] / 255 : 1.0f;
        float rgb[3];
        for (int c = 0; c < 3; ++c)
            rgb[c] = in[from == 1 ? 0 : c] * alpha + 255 * (1 - alpha);
        if (to == 1) {
            out[0] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
            continue;
        }
        std::copy_n(rgb, 3, out);
        if (to == 4)
            out[3] = 255;
    }
    return result;
}

Result<Tensor> decode(const std::string& bytes, const std::string& name)
{
    int width = 0;
    int height = 0;
    if (!stb::pictureSize(bytes, width, height))
        return invalidFile(
            name + " is not a picture that can be read (PNG, JPEG or IDX): " + stb::failureReason() + ".");
    if (width < 1 || height < 1 || int64_t{width} * height > maxPixels)
        return invalidFile(name + ": the picture claims " + std::to_string(width) + "×" +
                           std::to_string(height) + " pixels; at most " + std::to_string(maxPixels) +
                           " can be read, so make it smaller.");
    const auto pixels = stb::decodeRgba(bytes, width, height);
    if (pixels.empty())
        return invalidFile(
            name + ": the picture is damaged (" + stb::failureReason() + "); get the file again.");
    Tensor image(Shape{height, width, 4}, DType::U8);
    std::copy(pixels.begin(), pixels.end(), image.as<uint8_t>().begin());
    return image;
}

/// "file#17" into file and number; -1 where none is given.
std::pair<std::string, int64_t> splitSample(const std::string& text)
{
    std::error_code code;
    const auto mark = text.rfind('#');
    if (mark == std::string::npos || std::filesystem::exists(text, code))
        return {text, -1};
    int64_t number = -1;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data() + mark + 1, end, number);
    if (failure != std::errc() || rest != end || number < 0)
        return {text, -1};
    return {text.substr(0, mark), number};
}

Result<Tensor> sampleOfIdx(const std::string& bytes, const std::string& name, int64_t number)
{
    const auto pictures = parseIdx(bytes, IdxContent::Pictures, name);
    if (!pictures)
        return pictures.error();
    const int64_t index = std::max<int64_t>(number, 0);
    if (index >= pictures->shape()[0])
        return invalidArgument(name + " has no sample " + std::to_string(index) +
                               "; it holds the samples 0 to " + std::to_string(pictures->shape()[0] - 1) +
                               ".");
    Tensor image(pictures->shape().withoutFirst(), DType::U8);
    std::memcpy(image.data(), pictures->data() + index * image.bytes(), static_cast<size_t>(image.bytes()));
    return image;
}

Result<Tensor> readStored(const std::string& pathAndSample)
{
    const auto [path, number] = splitSample(pathAndSample);
    const auto bytes = readFile(path, maxIdxFileBytes);
    if (!bytes)
        return bytes.error();
    if (looksLikeIdx(*bytes))
        return sampleOfIdx(*bytes, path, number);
    if (number > 0)
        return invalidArgument(
            path + " is a single picture and has no sample " + std::to_string(number) + ".");
    if (static_cast<int64_t>(bytes->size()) > maxPictureFileBytes)
        return invalidFile(path + " is larger than the " + std::to_string(maxPictureFileBytes >> 20) +
                           " MiB that are read of a picture.");
    return decode(*bytes, path);
}

bool knownChannels(int64_t channels)
{
    return channels == 1 || channels == 3 || channels == 4;
}

Result<Tensor> readConverted(const std::string& pathAndSample, const Shape& wanted)
{
    auto stored = readStored(pathAndSample);
    if (!stored)
        return stored;
    if (stored->shape() == wanted)
        return stored;
    if (!knownChannels(stored->shape()[2]) || !knownChannels(wanted[2]))
        return unsupported(pathAndSample + ": pictures of " + std::to_string(stored->shape()[2]) +
                           " channels cannot be converted to " + std::to_string(wanted[2]) + ".");
    const Tensor converted = convertChannels(toFloat(*stored), wanted[2]);
    return toBytes(resizeImage(converted, wanted[0], wanted[1]));
}

} // namespace

Result<Tensor> readImage(const std::string& pathAndSample, const Shape& wanted)
{
    if (wanted.rank() != 3)
        return unsupported("The network takes samples of the shape " + wanted.toString() +
                           ", so it cannot be given the picture " + pathAndSample + ".");
    try {
        return readConverted(pathAndSample, wanted);
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::OutOfMemory, pathAndSample + ": the picture does not fit into memory.", {}};
    }
}

Tensor resizeImage(const Tensor& image, int64_t height, int64_t width)
{
    Tensor result = image;
    if (height != image.shape()[0])
        result = resizeAxis(result, 0, height);
    if (width != image.shape()[1])
        result = resizeAxis(result, 1, width);
    return result;
}

Result<std::string> encodePng(const Tensor& image)
{
    const Shape& shape = image.shape();
    const bool fits = image.dtype() == DType::U8 && shape.rank() == 3 && !image.empty() && shape[2] <= 4 &&
                      shape.elements() <= INT32_MAX / 2;
    if (!fits)
        return unsupported("A tensor " + shape.toString() + " of " + nameOf(image.dtype()) +
                           " cannot be written as a picture; it takes uint8 and 1 to 4 channels.");
    std::string bytes = stb::encodePng(image.as<uint8_t>().data(), static_cast<int>(shape[1]),
        static_cast<int>(shape[0]), static_cast<int>(shape[2]));
    if (bytes.empty())
        return Error{ErrorCode::OutOfMemory, "There is not enough memory to write a picture.", {}};
    return bytes;
}

Status writePng(const std::filesystem::path& path, const Tensor& image)
{
    const auto bytes = encodePng(image);
    return bytes ? writeFileAtomically(path, *bytes) : Status(bytes.error());
}

Status writeNpy(const std::filesystem::path& path, const Tensor& tensor)
{
    static_assert(std::endian::native == std::endian::little, "the file declares little endian");
    const char* type = tensor.dtype() == DType::F32 ? "<f4" : tensor.dtype() == DType::I32 ? "<i4" : "|u1";
    std::string shape;
    for (int64_t extent : tensor.shape())
        shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
    if (tensor.shape().rank() == 1)
        shape += ',';
    std::string header =
        std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    // The format wants the data to begin at a multiple of 64 and the header to end with a line break.
    constexpr size_t fixed = 10;
    header.append(63 - (fixed + header.size()) % 64, ' ');
    header += '\n';
    std::string start = "\x93NUMPY";
    start += std::string{
        '\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
    AtomicFile file;
    if (Status status = file.open(path); !status)
        return status;
    if (Status status = file.write(start + header); !status)
        return status;
    if (Status status = file.write({tensor.data(), static_cast<size_t>(tensor.bytes())}); !status)
        return status;
    return file.commit();
}

} // namespace gradloom::data
