#include "engine/tensor/tensor.h"

#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gradloom {

namespace {

/// Size of a large page of memory on x86 and most Arm systems.
constexpr size_t largePage = size_t{2} << 20;

/// Large tensors lie in large pages where the system has them: walking through them in small ones costs a
/// fifth of the speed of operations that only move data. Has to come before the memory is touched.
void useLargePages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    madvise(memory, bytes, MADV_HUGEPAGE); // advice: without it everything works as well
#endif
}

} // namespace

Buffer::Buffer(int64_t bytes) : m_bytes(bytes)
{
    if (bytes == 0)
        return;
    const bool large = static_cast<size_t>(bytes) >= largePage;
    const size_t unit = large ? largePage : alignment;
    const size_t rounded = (static_cast<size_t>(bytes) + unit - 1) / unit * unit;
    m_data.reset(static_cast<std::byte*>(std::aligned_alloc(unit, rounded)));
    if (!m_data)
        throw std::bad_alloc();
    if (large)
        useLargePages(m_data.get(), rounded);
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
