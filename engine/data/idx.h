#pragma once

#include "engine/tensor/tensor.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace gradloom::data {

/// What an IDX file must hold.
enum class IdxContent {
    Pictures, ///< magic 0x00000803 (N×H×W) or 0x00000804 (N×H×W×C), unsigned bytes
    Labels    ///< magic 0x00000801 (N), unsigned bytes
};

/// Reads the IDX format (LeCun, Cortes, Burges, "The MNIST database"), plain or compressed by gzip, from the
/// bytes of a file. Pictures become U8 N×H×W×C (C = 1 where the file has no channels), labels I32 [N]. Every
/// header field and the length are checked, and memory is taken only for what the bytes can really hold. The
/// message of an Error begins with `name` and says at which byte what is wrong.
Result<Tensor> parseIdx(std::string_view bytes, IdxContent content, const std::string& name);

/// The same for a file.
Result<Tensor> readIdx(const std::filesystem::path& file, IdxContent content);

/// True when the bytes are an IDX file or gzip (which may hold one).
bool looksLikeIdx(std::string_view bytes);

} // namespace gradloom::data
