#pragma once

#include <cstdint>
#include <optional>

namespace gradloom::widgets {

/// Bytes of memory this program really occupies, from the system; nothing where the system does not say.
std::optional<int64_t> residentMemory();

} // namespace gradloom::widgets
