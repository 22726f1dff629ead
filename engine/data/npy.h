#pragma once

#include "engine/tensor/tensor.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace gradloom::data {

/// Reads an array in NumPy's format ("NPY", versions 1 to 3; source: NumPy Enhancement Proposal 1): little
/// endian f4, f8, u1, i4, i8 and b1 in C order. f8 becomes F32, i8 I32 (an Error where a number does not
/// fit), b1 U8. Header and length are checked before memory is taken. The message of an Error begins with
/// `name`.
Result<Tensor> parseNpy(std::string_view bytes, const std::string& name);

/// The files in a ZIP archive, stored or deflated (source: APPNOTE.TXT 6.3.10), each checked against its CRC.
/// Archives that are encrypted, in parts, or would unpack to more than 4 GiB are refused.
Result<std::map<std::string, std::string>> parseZip(std::string_view bytes, const std::string& name);

/// The arrays in an NPZ file by name (without ".npy"), or the one array of an NPY file under the name "".
Result<std::map<std::string, Tensor>> parseArrays(std::string_view bytes, const std::string& name);
/// The same for a file of at most 4 GiB.
Result<std::map<std::string, Tensor>> readArrays(const std::filesystem::path& file);

} // namespace gradloom::data
