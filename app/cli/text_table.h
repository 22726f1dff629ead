#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradloom::cli {

/// A table for the terminal: columns as wide as their widest cell, numbers to the right.
class TextTable
{
public:
    /// A heading that begins with '>' makes a column of numbers, aligned to the right.
    explicit TextTable(std::vector<std::string> headings);
    void add(std::vector<std::string> row) { m_rows.push_back(std::move(row)); }
    /// A line across before the next row.
    void rule() { m_rows.push_back({}); }
    std::string toString() const;

private:
    std::vector<std::string> m_headings;
    std::vector<bool> m_right;
    std::vector<std::vector<std::string>> m_rows;
};

/// Columns that UTF-8 text takes on a terminal, for the letters and signs this program prints.
size_t columnsOf(std::string_view text);
/// 93322 as "93,322".
std::string grouped(int64_t value);
/// "0.3121", "88.9 %", "1:02:03".
std::string decimals(double value, int digits);
std::string percent(double share, int digits = 1);
std::string clock(double seconds);

} // namespace gradloom::cli
