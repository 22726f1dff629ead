#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace gradloom {

/// What kind of thing went wrong; the message says it in words.
enum class ErrorCode { InvalidArgument, InvalidFile, NotFound, Unsupported, Io, OutOfMemory, Numerical, Internal };

/// Everything a user can cause. `message` is one clear sentence: what is wrong, where, and what to do.
/// `node` is the id of the graph node concerned, empty where there is none.
struct Error
{
    ErrorCode code = ErrorCode::Internal;
    std::string message;
    std::string node;
};

inline Error invalidArgument(std::string message, std::string node = {})
{
    return {ErrorCode::InvalidArgument, std::move(message), std::move(node)};
}
inline Error invalidFile(std::string message)
{
    return {ErrorCode::InvalidFile, std::move(message), {}};
}
inline Error ioError(std::string message)
{
    return {ErrorCode::Io, std::move(message), {}};
}
inline Error notFound(std::string message)
{
    return {ErrorCode::NotFound, std::move(message), {}};
}
inline Error unsupported(std::string message, std::string node = {})
{
    return {ErrorCode::Unsupported, std::move(message), std::move(node)};
}

/// A value or an Error. Reading the side that is not there is a programming error and throws.
template <typename T>
class [[nodiscard]] Result
{
public:
    Result(T value) : m_state(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : m_state(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return m_state.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return checked(), std::get<0>(m_state); }
    const T& value() const& { return checked(), std::get<0>(m_state); }
    T&& value() && { return checked(), std::get<0>(std::move(m_state)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const { return std::get<1>(m_state); }

private:
    void checked() const
    {
        if (!ok())
            throw std::logic_error("Result without a value: " + std::get<1>(m_state).message);
    }
    std::variant<T, Error> m_state;
};

/// Success or an Error.
template <>
class [[nodiscard]] Result<void>
{
public:
    Result() = default;
    Result(Error error) : m_error(std::move(error)), m_ok(false) {}

    bool ok() const { return m_ok; }
    explicit operator bool() const { return m_ok; }
    const Error& error() const { return m_error; }

private:
    Error m_error;
    bool m_ok = true;
};

using Status = Result<void>;

} // namespace gradloom
