#pragma once

#include "engine/tensor/tensor.h"

#include <filesystem>
#include <map>
#include <string>

namespace gradloom::project {

/// Named tensors with free text beside them; the contents of a .safetensors file.
/// Format: https://github.com/huggingface/safetensors (8 bytes header length, JSON header, data).
struct TensorFile
{
    std::map<std::string, Tensor> tensors;
    std::map<std::string, std::string> metadata;
};

/// Untrusted input: header length, JSON, types, shapes, offsets and overlaps are checked before memory is
/// taken.
Result<TensorFile> loadSafetensors(const std::filesystem::path& path);
Result<TensorFile> parseSafetensors(const std::string& bytes, const std::string& origin);
/// Atomic, sorted by name.
Status saveSafetensors(const TensorFile& file, const std::filesystem::path& path);

} // namespace gradloom::project
