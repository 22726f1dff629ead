#include "engine/tensor/shape.h"

#include <algorithm>

namespace gradloom {

Shape::Shape(std::initializer_list<int64_t> extents) : Shape(std::vector<int64_t>(extents)) {}

Shape::Shape(const std::vector<int64_t>& extents) : m_rank(static_cast<int>(extents.size()))
{
    if (extents.size() > maxRank)
        throw std::logic_error("a shape has at most six dimensions");
    std::copy(extents.begin(), extents.end(), m_extents.begin());
}

int64_t Shape::elements() const
{
    int64_t product = 1;
    for (int64_t extent : *this)
        product *= extent;
    return product;
}

Shape Shape::prepended(int64_t extent) const
{
    auto extents = toVector();
    extents.insert(extents.begin(), extent);
    return Shape(extents);
}

Shape Shape::withoutFirst() const
{
    return m_rank == 0 ? Shape() : Shape(std::vector<int64_t>(begin() + 1, end()));
}

std::string Shape::toString() const
{
    if (m_rank == 0)
        return "scalar";
    std::string text;
    for (int64_t extent : *this)
        text += (text.empty() ? "" : "×") + std::to_string(extent);
    return text;
}

bool Shape::operator==(const Shape& other) const
{
    return std::equal(begin(), end(), other.begin(), other.end());
}

Result<Shape> Shape::checked(const std::vector<int64_t>& extents)
{
    if (extents.size() > maxRank)
        return invalidArgument("a shape has at most six dimensions but here are " + std::to_string(extents.size()) + ".");
    int64_t product = 1;
    for (int64_t extent : extents) {
        if (extent <= 0)
            return invalidArgument("every extent of a shape must be positive but one is " + std::to_string(extent) + ".");
        if (extent > maxElements / product)
            return invalidArgument("the shape has more than 2^40 elements; make it smaller.");
        product *= extent;
    }
    return Shape(extents);
}

std::array<int64_t, Shape::maxRank> denseStrides(const Shape& shape)
{
    std::array<int64_t, Shape::maxRank> strides{};
    int64_t stride = 1;
    for (int axis = shape.rank(); axis-- > 0;) {
        strides[static_cast<size_t>(axis)] = stride;
        stride *= shape[axis];
    }
    return strides;
}

int64_t sizeOf(DType type)
{
    return type == DType::U8 ? 1 : 4;
}

const char* nameOf(DType type)
{
    switch (type) {
    case DType::F32:
        return "float32";
    case DType::I32:
        return "int32";
    case DType::U8:
        return "uint8";
    }
    return "unknown";
}

} // namespace gradloom
