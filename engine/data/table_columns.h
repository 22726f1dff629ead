#pragma once

#include "engine/data/table.h"

#include <optional>
#include <span>

namespace gradloom::data {

enum class ColumnKind {
    Number,   ///< one number
    Category, ///< one out of some texts; as an input one-hot
    Date,     ///< year-month-day (with - or /), a time behind it is left out; as the number of years
    Ignore
};

/// How a column of a table becomes numbers.
struct Column
{
    size_t index = 0; ///< in the table
    std::string name;
    ColumnKind kind = ColumnKind::Number;
    std::vector<std::string> categories; ///< sorted
    double mean = 0;                     ///< number = (value − mean) ÷ deviation
    double deviation = 1;

    /// How many numbers it gives.
    size_t width() const { return kind == ColumnKind::Category ? categories.size() : 1; }
};

/// "", "NA", "N/A", "NaN", "null", "none", "?" and "-", whatever the case.
bool isMissing(std::string_view cell);

/// Kinds for all columns: what `given` says ("horsepower:number, origin:category"), the others guessed: a
/// number where every cell is one, a date where every cell is one, a category where at most 50 different
/// texts repeat, else ignored. An Error names a column that is not there or an unknown kind.
Result<std::vector<Column>> chooseColumns(const Table& table, const std::string& given);

/// The number of a cell (Number, Date) or the position of its category; nothing where it is missing. An Error
/// for a cell that is neither, without its place.
Result<std::optional<double>> cellValue(const Column& column, std::string_view cell);

/// Categories, mean and deviation of the columns from some rows of the table. Mean and deviation stay 0 and 1
/// where `standardise` is false, but `mean` is needed to fill missing cells, so it is returned for each
/// column.
struct ColumnFit
{
    std::vector<double> fill; ///< for a missing cell of each column, after standardising
};
Result<ColumnFit> fitColumns(
    const Table& table, std::span<const size_t> rows, bool standardise, std::vector<Column>& columns);

/// Writes a cell as `column.width()` numbers; a missing one as `fill`, a missing category as zeros.
void writeCell(const Column& column, const std::optional<double>& value, double fill, std::span<float> out);

} // namespace gradloom::data
