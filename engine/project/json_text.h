#pragma once

// Private to engine/project: nothing outside needs to know which JSON library this is.

#include "engine/base/result.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace gradloom::project {

/// What a JSON text may take before it is refused.
struct JsonLimits
{
    size_t depth = 32;       ///< lists and objects in each other
    size_t values = 400'000; ///< all values together
};

/// Reads untrusted JSON. The limits, repeated keys and UTF-8 are checked before the document is built. The
/// message names `origin`, line and column.
Result<nlohmann::json> parseJson(
    std::string_view text, const std::string& origin, const JsonLimits& limits = {});

/// A value as an error message shows it: short, on one line.
std::string shown(const nlohmann::json& value);

} // namespace gradloom::project
