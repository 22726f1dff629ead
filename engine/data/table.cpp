#include "engine/data/table.h"

#include "engine/base/file.h"
#include "engine/data/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace gradloom::data {

namespace {

constexpr int64_t maxTableBytes = int64_t{1} << 28;
constexpr size_t maxColumns = 10000;

/// Goes through the text once; one row at a time.
class CsvReader
{
public:
    CsvReader(std::string_view text, char separator, const std::string& name)
        : m_text(text), m_separator(separator), m_name(name)
    {
    }

    bool done() const { return m_at >= m_text.size(); }
    int64_t line() const { return m_line; }

    /// The cells of the next row; none for an empty line.
    Result<std::vector<std::string>> row()
    {
        std::vector<std::string> cells;
        if (endOfLine())
            return cells;
        for (;;) {
            auto cell = m_at < m_text.size() && m_text[m_at] == '"' ? quoted() : plain();
            if (!cell)
                return cell.error();
            cells.push_back(std::move(*cell));
            if (cells.size() > maxColumns)
                return fault(m_line, "has more than " + std::to_string(maxColumns) + " columns");
            if (endOfLine())
                return cells;
            ++m_at; // the separator
        }
    }

private:
    Error fault(int64_t line, const std::string& what) const
    {
        return invalidFile(m_name + ": line " + std::to_string(line) + " " + what + ".");
    }

    bool endOfLine()
    {
        if (done())
            return true;
        const size_t length = m_text[m_at] == '\n' ? 1 : m_text.substr(m_at, 2) == "\r\n" ? 2 : 0;
        m_at += length;
        m_line += length > 0;
        return length > 0;
    }

    Result<std::string> plain()
    {
        const size_t begin = m_at;
        while (!done() && m_text[m_at] != m_separator && m_text[m_at] != '\n' &&
               m_text.substr(m_at, 2) != "\r\n")
            ++m_at;
        const std::string_view cell = m_text.substr(begin, m_at - begin);
        if (cell.find('"') != std::string_view::npos)
            return fault(m_line,
                "has a quote inside a cell that does not begin with one; quote the whole cell and "
                "double the quotes in it");
        return std::string(cell);
    }

    Result<std::string> quoted()
    {
        const int64_t begin = m_line;
        std::string cell;
        for (++m_at; !done(); ++m_at) {
            if (m_text[m_at] == '"') {
                if (m_text.substr(m_at, 2) != "\"\"")
                    break;
                ++m_at;
            }
            m_line += m_text[m_at] == '\n';
            cell += m_text[m_at];
        }
        if (done())
            return fault(begin, "begins a quoted cell that does not end");
        ++m_at;
        if (!done() && m_text[m_at] != m_separator && m_text[m_at] != '\n' &&
            m_text.substr(m_at, 2) != "\r\n")
            return fault(
                m_line, "goes on behind the closing quote of a cell; double the quotes inside a cell");
        return cell;
    }

    std::string_view m_text;
    char m_separator;
    const std::string& m_name;
    size_t m_at = 0;
    int64_t m_line = 1;
};

char guessSeparator(std::string_view text)
{
    const std::string_view first = text.substr(0, text.find('\n'));
    char best = ',';
    for (const char candidate : {',', ';', '\t'})
        if (std::count(first.begin(), first.end(), candidate) > std::count(first.begin(), first.end(), best))
            best = candidate;
    return best;
}

Status nameColumns(Table& table, const std::string& name)
{
    for (size_t i = 0; i < table.columns.size(); ++i) {
        std::string& column = table.columns[i];
        column = trimmed(column);
        if (column.empty())
            column = std::to_string(i + 1);
        if (table.column(column) != static_cast<int>(i))
            return invalidFile(name + ": line 1 names two columns \"" + column + "\"; rename one.");
    }
    return {};
}

} // namespace

int Table::column(std::string_view title) const
{
    const auto it = std::find(columns.begin(), columns.end(), title);
    return it == columns.end() ? -1 : static_cast<int>(it - columns.begin());
}

std::string Table::place(size_t row, size_t column) const
{
    return name + ": line " + std::to_string(lines[row]) + ", column \"" + columns[column] + "\"";
}

Result<Table> parseCsv(std::string_view bytes, const CsvFormat& format, const std::string& name)
{
    const std::string_view text = withoutMark(bytes);
    if (Status status = checkText(text, name); !status)
        return status.error();
    Table table;
    table.name = name;
    CsvReader reader(text, format.separator ? format.separator : guessSeparator(text), name);
    while (!reader.done()) {
        const int64_t line = reader.line();
        auto row = reader.row();
        if (!row)
            return row.error();
        if (row->empty())
            continue;
        if (table.columns.empty()) {
            table.columns = format.header ? *row : std::vector<std::string>(row->size());
            if (Status status = nameColumns(table, name); !status)
                return status.error();
            if (format.header)
                continue;
        }
        if (row->size() != table.columns.size())
            return invalidFile(name + ": line " + std::to_string(line) + " has " +
                               std::to_string(row->size()) + (row->size() == 1 ? " cell" : " cells") +
                               " but the table has " + std::to_string(table.columns.size()) +
                               " columns; every line needs as many as the first.");
        table.rows.push_back(std::move(*row));
        table.lines.push_back(line);
    }
    if (table.rows.empty())
        return invalidFile(name + ": the table has no rows" +
                           (format.header ? " below the line with the names of the columns." : "."));
    return table;
}

Result<Table> readTable(const std::filesystem::path& file, const CsvFormat& format)
{
    auto bytes = readFile(file, maxTableBytes);
    if (!bytes)
        return bytes.error();
    const std::string_view begin = trimmed(withoutMark(*bytes).substr(0, 4096));
    return begin.starts_with('[') ? parseJsonTable(*bytes, file.string())
                                  : parseCsv(*bytes, format, file.string());
}

bool parseNumber(std::string_view text, double& value)
{
    text = trimmed(text);
    if (text.starts_with('+'))
        text.remove_prefix(1);
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && code == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

} // namespace gradloom::data
