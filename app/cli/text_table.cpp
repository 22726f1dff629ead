#include "app/cli/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace gradloom::cli {

TextTable::TextTable(std::vector<std::string> headings)
{
    for (std::string& heading : headings) {
        m_right.push_back(heading.starts_with('>'));
        m_headings.push_back(m_right.back() ? heading.substr(1) : heading);
    }
}

std::string TextTable::toString() const
{
    std::vector<size_t> widths;
    for (const auto& heading : m_headings)
        widths.push_back(columnsOf(heading));
    for (const auto& row : m_rows)
        for (size_t c = 0; c < row.size(); ++c)
            widths[c] = std::max(widths[c], columnsOf(row[c]));
    const auto lineOf = [&](const std::vector<std::string>& row) {
        std::string line;
        for (size_t c = 0; c < row.size(); ++c) {
            const std::string space(widths[c] - columnsOf(row[c]), ' ');
            line += (c ? "  " : "") + (m_right[c] ? space + row[c] : row[c] + space);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        return line + "\n";
    };
    size_t total = 0;
    for (const size_t width : widths)
        total += width + 2;
    std::string rule;
    for (size_t i = 2; i < total; ++i)
        rule += "─";
    std::string text = lineOf(m_headings) + rule + "\n";
    for (const auto& row : m_rows)
        text += row.empty() ? rule + "\n" : lineOf(row);
    return text;
}

size_t columnsOf(std::string_view text)
{
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string grouped(int64_t value)
{
    std::string digits = std::to_string(value);
    for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
        digits.insert(static_cast<size_t>(at), ",");
    return digits;
}

std::string decimals(double value, int digits)
{
    if (!std::isfinite(value))
        return "–";
    char text[400];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

std::string percent(double share, int digits)
{
    return std::isfinite(share) ? decimals(100 * share, digits) + " %" : "–";
}

std::string clock(double seconds)
{
    const auto whole =
        static_cast<long long>(std::clamp(std::isfinite(seconds) ? std::ceil(seconds) : 0.0, 0.0, 1e9));
    char text[64];
    if (whole >= 3600)
        std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
    return text;
}

} // namespace gradloom::cli
