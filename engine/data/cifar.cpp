#include "engine/data/cifar.h"

#include <algorithm>

namespace gradloom::data {

namespace {

constexpr size_t side = 32;
constexpr size_t plane = side * side;
constexpr size_t channels = 3;

} // namespace

Result<CifarPart> parseCifar(std::string_view bytes, int labels, const std::string& name)
{
    const auto labelBytes = static_cast<size_t>(labels);
    const size_t record = labelBytes + channels * plane;
    if (bytes.empty() || bytes.size() % record != 0)
        return invalidFile(name + ": the file has " + std::to_string(bytes.size()) +
                           " bytes, which is no multiple of " + std::to_string(record) +
                           ", the size of a picture with its label; it is cut off or another file.");
    const size_t count = bytes.size() / record;
    CifarPart part;
    part.pictures = Tensor(Shape{static_cast<int64_t>(count), side, side, channels}, DType::U8);
    for (size_t i = 0; i < labelBytes; ++i)
        part.labels.emplace_back(Shape{static_cast<int64_t>(count)}, DType::I32);
    uint8_t* pixel = part.pictures.as<uint8_t>().data();
    for (size_t n = 0; n < count; ++n) {
        const auto* begin = reinterpret_cast<const uint8_t*>(bytes.data() + n * record);
        for (size_t i = 0; i < labelBytes; ++i) {
            // The group stands before the class, but what is learned first is the class.
            const bool group = labels == 2 && i == 0;
            const int limit = labels == 1 ? 10 : group ? 20 : 100;
            if (begin[i] >= limit)
                return invalidFile(name + ": byte " + std::to_string(n * record + i) +
                                   ": the label of picture " + std::to_string(n) + " is " +
                                   std::to_string(begin[i]) + " but must be below " + std::to_string(limit) +
                                   "; the file is damaged or another one.");
            part.labels[labelBytes - 1 - i].as<int32_t>()[n] = begin[i];
        }
        const uint8_t* planes = begin + labelBytes;
        for (size_t p = 0; p < plane; ++p)
            for (size_t c = 0; c < channels; ++c)
                *pixel++ = planes[c * plane + p];
    }
    return part;
}

} // namespace gradloom::data
