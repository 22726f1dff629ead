#include "engine/tensor/tensor.h"

#include <cstring>
#include <new>

namespace gradloom {

Buffer::Buffer(int64_t bytes) : m_bytes(bytes)
{
    if (bytes == 0)
        return;
    const size_t rounded = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
    m_data.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded)));
    if (!m_data)
        throw std::bad_alloc();
    std::memset(m_data.get(), 0, rounded);
}

Tensor::Tensor(Shape shape, DType dtype) : m_type{shape, dtype}, m_buffer(m_type.bytes()) {}

Tensor::Tensor(const Tensor& other) : m_type(other.m_type), m_buffer(other.bytes())
{
    if (!other.empty())
        std::memcpy(data(), other.data(), static_cast<size_t>(other.bytes()));
}

Tensor& Tensor::operator=(const Tensor& other)
{
    if (this != &other)
        *this = Tensor(other);
    return *this;
}

} // namespace gradloom
