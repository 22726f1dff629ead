#pragma once

#include "engine/data/source_type.h"

namespace gradloom::data {

/// The file that a project names (the option "file"), relative ones counted from the project's folder; with
/// --data-dir the file of that name there. A missing file of a known Debian package names the package to
/// install.
Result<std::filesystem::path> findDataFile(const std::string& file, const SourceContext& context);
/// The same for a folder (the option "folder"); with --data-dir that folder.
Result<std::filesystem::path> findDataFolder(const std::string& folder, const SourceContext& context);
/// Why a file or folder is missing and what to install, for one that is known to be so.
Error missingData(const std::filesystem::path& path);

/// How many samples of `count` go into the test part: at least one each; an Error where that is not possible.
Result<int64_t> testCount(int64_t count, double share, const std::string& name);
/// 0 .. count-1 in the order in which samples go to the test part first: shuffled by the seed, or as they
/// are.
std::vector<int64_t> partOrder(int64_t count, uint64_t seed);

/// Options that most sources share.
ParamSpec testShareParam();
ParamSpec splitSeedParam();
ParamSpec fileParam(std::string value, std::string help);

} // namespace gradloom::data
