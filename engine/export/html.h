#pragma once

#include <string>
#include <string_view>

namespace gradloom::exports {

/// Text for HTML content and attributes: names in projects and data sets are untrusted.
std::string escapeHtml(std::string_view text);
std::string base64(std::string_view bytes);
/// A number with `digits` behind the point, "–" where it is none.
std::string formatNumber(double value, int digits);
/// A share as "90.3 %".
std::string formatPercent(double share, int digits = 1);

} // namespace gradloom::exports
