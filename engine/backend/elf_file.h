#pragma once

#include <filesystem>

namespace gradloom::backend {

/// Whether a library is shorter than it says it is, as after a copy that was broken off. The dynamic linker
/// does not look and dies of it. False for what is no 64-bit ELF file of this machine, which the linker
/// refuses.
bool isCutShort(const std::filesystem::path& file);

} // namespace gradloom::backend
