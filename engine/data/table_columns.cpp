#include "engine/data/table_columns.h"

#include "engine/data/text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <set>

namespace gradloom::data {

namespace {

constexpr size_t mostGuessedCategories = 50;
constexpr size_t mostCategories = 10000;

bool parseDate(std::string_view text, double& years)
{
    text = trimmed(text);
    int parts[3] = {0, 1, 1};
    size_t at = 0;
    for (int i = 0; i < 3; ++i) {
        const auto [end, code] = std::from_chars(text.data() + at, text.data() + text.size(), parts[i]);
        if (code != std::errc())
            return false;
        at = static_cast<size_t>(end - text.data());
        const bool joint = at < text.size() && (text[at] == '-' || text[at] == '/');
        if (i < 2 && !joint)
            return false;
        at += i < 2;
    }
    if (at < text.size() && text[at] != ' ' && text[at] != 'T')
        return false;
    using namespace std::chrono;
    if (parts[0] < 0 || parts[0] > 9999 || parts[1] < 1 || parts[2] < 1)
        return false;
    const year_month_day date{
        year(parts[0]), month(static_cast<unsigned>(parts[1])), day(static_cast<unsigned>(parts[2]))};
    if (!date.ok())
        return false;
    constexpr double daysPerYear = 365.2425;
    years = 1970 + static_cast<double>(sys_days(date).time_since_epoch().count()) / daysPerYear;
    return true;
}

ColumnKind guessKind(const Table& table, size_t column)
{
    bool numbers = true;
    bool dates = true;
    size_t present = 0;
    std::set<std::string_view> different;
    for (const auto& row : table.rows) {
        const std::string& cell = row[column];
        if (isMissing(cell))
            continue;
        double value = 0;
        ++present;
        numbers = numbers && parseNumber(cell, value);
        dates = dates && parseDate(cell, value);
        if (different.size() <= mostGuessedCategories)
            different.insert(cell);
    }
    if (present == 0)
        return ColumnKind::Ignore;
    if (numbers || dates)
        return numbers ? ColumnKind::Number : ColumnKind::Date;
    const bool repeats = different.size() <= mostGuessedCategories && different.size() * 2 <= present;
    return repeats ? ColumnKind::Category : ColumnKind::Ignore;
}

Result<ColumnKind> kindOf(const std::string& word)
{
    if (word == "number")
        return ColumnKind::Number;
    if (word == "category")
        return ColumnKind::Category;
    if (word == "date")
        return ColumnKind::Date;
    if (word == "ignore")
        return ColumnKind::Ignore;
    return invalidArgument("There is no kind of column \"" + word +
                           "\"; use number, category, date or ignore, as in \"origin:category\".");
}

Error cellFault(const Column& column, std::string_view cell)
{
    const char* wanted = column.kind == ColumnKind::Date ? "a date (year-month-day)" : "a number";
    return invalidFile(" holds \"" + std::string(cell.substr(0, 60)) + "\", which is not " + wanted +
                       ". Correct it, or name another kind for the column, as in \"" + column.name +
                       ":category\".");
}

Status findCategories(const Table& table, Column& column)
{
    std::set<std::string> different;
    for (const auto& row : table.rows)
        if (const std::string& cell = row[column.index]; !isMissing(cell))
            different.emplace(trimmed(cell));
    if (different.size() > mostCategories)
        return invalidFile(table.name + ": the column \"" + column.name + "\" has " +
                           std::to_string(different.size()) +
                           " different values, too many for a category. Set its kind to ignore.");
    column.categories.assign(different.begin(), different.end());
    return {};
}

} // namespace

bool isMissing(std::string_view cell)
{
    const std::string text = lowerCase(trimmed(cell));
    for (const char* word : {"", "na", "n/a", "nan", "null", "none", "?", "-"})
        if (text == word)
            return true;
    return false;
}

Result<std::vector<Column>> chooseColumns(const Table& table, const std::string& given)
{
    std::vector<std::optional<ColumnKind>> kinds(table.columns.size());
    for (const std::string& entry : splitList(given)) {
        const size_t colon = entry.rfind(':');
        if (colon == std::string::npos)
            return invalidArgument("The kind of a column is missing in \"" + entry +
                                   "\"; write the name, a colon and number, category, date or ignore.");
        const int column = table.column(trimmed(entry.substr(0, colon)));
        if (column < 0)
            return invalidArgument(table.name + " has no column \"" + entry.substr(0, colon) + "\".");
        auto kind = kindOf(std::string(trimmed(entry.substr(colon + 1))));
        if (!kind)
            return kind.error();
        kinds[static_cast<size_t>(column)] = *kind;
    }
    std::vector<Column> columns;
    for (size_t i = 0; i < table.columns.size(); ++i) {
        Column column;
        column.index = i;
        column.name = table.columns[i];
        column.kind = kinds[i] ? *kinds[i] : guessKind(table, i);
        if (column.kind == ColumnKind::Category)
            if (Status status = findCategories(table, column); !status)
                return status.error();
        columns.push_back(std::move(column));
    }
    return columns;
}

Result<std::optional<double>> cellValue(const Column& column, std::string_view cell)
{
    double value = 0;
    if (isMissing(cell))
        return std::optional<double>();
    if (column.kind == ColumnKind::Category) {
        const std::string_view text = trimmed(cell);
        const auto it = std::lower_bound(column.categories.begin(), column.categories.end(), text);
        if (it == column.categories.end() || *it != text)
            return invalidArgument(" holds \"" + std::string(text.substr(0, 60)) +
                                   "\", which does not occur in the table that the network was trained on.");
        return std::optional<double>(static_cast<double>(it - column.categories.begin()));
    }
    const bool good = column.kind == ColumnKind::Date ? parseDate(cell, value) : parseNumber(cell, value);
    if (!good)
        return cellFault(column, cell);
    return std::optional<double>(value);
}

Result<ColumnFit> fitColumns(
    const Table& table, std::span<const size_t> rows, bool standardise, std::vector<Column>& columns)
{
    ColumnFit fit;
    for (Column& column : columns) {
        fit.fill.push_back(0);
        if (column.kind == ColumnKind::Category || column.kind == ColumnKind::Ignore)
            continue;
        double sum = 0;
        double squares = 0;
        double count = 0;
        for (const size_t row : rows) {
            auto value = cellValue(column, table.rows[row][column.index]);
            if (!value)
                return invalidFile(table.place(row, column.index) + value.error().message);
            if (!*value)
                continue;
            sum += **value;
            squares += **value * **value;
            ++count;
        }
        const double mean = count > 0 ? sum / count : 0;
        const double variance = count > 0 ? std::max(0.0, squares / count - mean * mean) : 0;
        if (!std::isfinite(variance))
            return invalidFile(
                table.name + ": the numbers in the column \"" + column.name + "\" are too large.");
        if (standardise) {
            column.mean = mean;
            // A column that never changes says nothing; it becomes zero instead of a division by zero.
            column.deviation = variance > 1e-12 * std::max(1.0, mean * mean) ? std::sqrt(variance) : 1.0;
        }
        fit.fill.back() = standardise ? 0.0 : mean;
    }
    return fit;
}

void writeCell(const Column& column, const std::optional<double>& value, double fill, std::span<float> out)
{
    if (column.kind == ColumnKind::Category) {
        std::fill(out.begin(), out.end(), 0.0f);
        if (value)
            out[static_cast<size_t>(*value)] = 1;
        return;
    }
    out[0] = static_cast<float>(value ? (*value - column.mean) / column.deviation : fill);
}

} // namespace gradloom::data
