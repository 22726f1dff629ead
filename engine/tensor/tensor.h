#pragma once

#include "engine/tensor/shape.h"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

namespace gradloom {

/// Aligned host memory, zeroed. `bytes` may be zero.
class Buffer
{
public:
    static constexpr size_t alignment = 64;

    Buffer() = default;
    explicit Buffer(int64_t bytes);

    std::byte* data() { return m_data.get(); }
    const std::byte* data() const { return m_data.get(); }
    int64_t bytes() const { return m_bytes; }

private:
    struct Free
    {
        void operator()(std::byte* p) const { std::free(p); }
    };
    std::unique_ptr<std::byte, Free> m_data;
    int64_t m_bytes = 0;
};

/// A tensor in host memory: shape, element type and its own buffer. Moves are cheap, copies copy.
class Tensor
{
public:
    Tensor() = default;
    explicit Tensor(Shape shape, DType dtype = DType::F32);
    Tensor(const Tensor& other);
    Tensor& operator=(const Tensor& other);
    Tensor(Tensor&&) noexcept = default;
    Tensor& operator=(Tensor&&) noexcept = default;

    const TensorType& type() const { return m_type; }
    const Shape& shape() const { return m_type.shape; }
    DType dtype() const { return m_type.dtype; }
    int64_t elements() const { return m_type.shape.elements(); }
    int64_t bytes() const { return m_buffer.bytes(); }
    bool empty() const { return m_buffer.bytes() == 0; }

    std::byte* data() { return m_buffer.data(); }
    const std::byte* data() const { return m_buffer.data(); }

    /// The elements; T must match the element type.
    template <typename T>
    std::span<T> as()
    {
        return {reinterpret_cast<T*>(m_buffer.data()), static_cast<size_t>(m_buffer.bytes()) / sizeof(T)};
    }
    template <typename T>
    std::span<const T> as() const
    {
        return {reinterpret_cast<const T*>(m_buffer.data()), static_cast<size_t>(m_buffer.bytes()) / sizeof(T)};
    }
    std::span<float> floats() { return as<float>(); }
    std::span<const float> floats() const { return as<float>(); }

private:
    TensorType m_type;
    Buffer m_buffer;
};

} // namespace gradloom
