#include "engine/export/html.h"

#include <cmath>
#include <cstdint>
#include <cstdio>

namespace gradloom::exports {

std::string escapeHtml(std::string_view text)
{
    std::string result;
    for (const char c : text) {
        switch (c) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        case '"':
            result += "&quot;";
            break;
        case '\'':
            result += "&#39;";
            break;
        default:
            result += c;
        }
    }
    return result;
}

std::string base64(std::string_view bytes)
{
    constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    result.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; ++k)
            result += i + k <= bytes.size() ? letters[group >> (18 - 6 * k) & 63] : '=';
    }
    return result;
}

std::string formatNumber(double value, int digits)
{
    if (!std::isfinite(value))
        return "–";
    char text[400];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

std::string formatPercent(double share, int digits)
{
    return std::isfinite(share) ? formatNumber(100 * share, digits) + " %" : "–";
}

} // namespace gradloom::exports
