#pragma once

#include "engine/base/result.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace gradloom {

/// Extents of a tensor, outermost first; images are NHWC. At most six dimensions, kept without allocation.
/// A shape without dimensions is a scalar of one element.
class Shape
{
public:
    static constexpr int maxRank = 6;
    /// No tensor may have more elements; every product is checked against it.
    static constexpr int64_t maxElements = int64_t{1} << 40;

    Shape() = default;
    Shape(std::initializer_list<int64_t> extents);
    explicit Shape(const std::vector<int64_t>& extents);

    int rank() const { return m_rank; }
    /// Extent of a dimension; negative indices count from the end.
    int64_t operator[](int axis) const { return m_extents[static_cast<size_t>(axis < 0 ? axis + m_rank : axis)]; }
    void setExtent(int axis, int64_t extent) { m_extents[static_cast<size_t>(axis < 0 ? axis + m_rank : axis)] = extent; }
    int64_t elements() const;
    std::vector<int64_t> toVector() const { return {begin(), end()}; }
    const int64_t* begin() const { return m_extents.data(); }
    const int64_t* end() const { return m_extents.data() + m_rank; }

    /// With one more dimension in front, for example the batch.
    Shape prepended(int64_t extent) const;
    /// Without the first dimension.
    Shape withoutFirst() const;
    /// "28×28×1"; "scalar" for rank zero.
    std::string toString() const;
    bool operator==(const Shape& other) const;

    /// Fails when an extent is not positive, the rank too large or the product over maxElements.
    static Result<Shape> checked(const std::vector<int64_t>& extents);

private:
    std::array<int64_t, maxRank> m_extents{};
    int m_rank = 0;
};

/// Strides of a dense tensor, in elements.
std::array<int64_t, Shape::maxRank> denseStrides(const Shape& shape);

enum class DType { F32, I32, U8 };

int64_t sizeOf(DType type);
const char* nameOf(DType type);

/// Shape and element type of a tensor.
struct TensorType
{
    Shape shape;
    DType dtype = DType::F32;
    int64_t bytes() const { return shape.elements() * sizeOf(dtype); }
    bool operator==(const TensorType&) const = default;
};

} // namespace gradloom
