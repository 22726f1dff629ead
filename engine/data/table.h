#pragma once

#include "engine/base/result.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gradloom::data {

/// A table of texts as a file holds it. Every row has as many cells as there are columns; what is missing is
/// empty.
struct Table
{
    std::string name; ///< of the file, for messages
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
    std::vector<int64_t> lines; ///< where each row begins, from 1

    /// Position of a column, -1 where there is none of that name.
    int column(std::string_view title) const;
    /// "cars.csv: line 17, column \"weight\""
    std::string place(size_t row, size_t column) const;
};

struct CsvFormat
{
    char separator = 0; ///< 0: whichever of , ; and tab occurs most in the first line
    bool header = true; ///< the first line names the columns; else they are called "1", "2", ...
};

/// Reads comma-separated values (RFC 4180): quoted cells with doubled quotes and line breaks in them, LF or
/// CRLF, a byte order mark, empty lines ignored. Refuses rows of another length than the first, quotes that
/// do not end, and text that is not UTF-8, with the line. The message of an Error begins with `name`.
Result<Table> parseCsv(std::string_view bytes, const CsvFormat& format, const std::string& name);

/// Reads a JSON array of flat objects: columns are the keys in the order in which they come, null and missing
/// keys are empty cells, true and false are texts. `lines` counts the objects, from 1.
Result<Table> parseJsonTable(std::string_view bytes, const std::string& name);

/// One of both, whichever the file holds. At most 256 MiB.
Result<Table> readTable(const std::filesystem::path& file, const CsvFormat& format);

/// A number as tables hold it: decimal point, exponent, surrounding spaces; no other text. False for anything
/// else, also infinite ones.
bool parseNumber(std::string_view text, double& value);

} // namespace gradloom::data
