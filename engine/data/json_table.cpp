#include "engine/data/table.h"
#include "engine/data/text.h"

#include <nlohmann/json.hpp>

namespace gradloom::data {

namespace {

/// Builds the table while the text is read, so that no tree of it is kept. An array holds objects, an object
/// holds plain values; anything else ends the reading with m_problem.
class TableBuilder : public nlohmann::json_sax<nlohmann::json>
{
public:
    TableBuilder(Table& table, size_t mostCells) : m_table(table), m_mostCells(mostCells) {}
    const std::string& problem() const { return m_problem; }

    bool null() override { return cell(""); }
    bool boolean(bool value) override { return cell(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override { return cell(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return cell(std::to_string(value)); }
    bool number_float(number_float_t, const string_t& text) override { return cell(text); }
    bool string(string_t& value) override { return cell(value); }
    bool binary(binary_t&) override { return refuse("holds binary data"); }

    bool start_array(size_t) override
    {
        if (m_begun)
            return refuse("holds a list where a plain value is wanted");
        return m_begun = true;
    }
    bool end_array() override { return true; }
    bool start_object(size_t) override
    {
        if (!m_begun || m_inObject)
            return refuse(
                m_begun ? "holds an object where a plain value is wanted" : "is no list of objects");
        m_table.rows.emplace_back();
        m_table.lines.push_back(static_cast<int64_t>(m_table.rows.size()));
        return m_inObject = true;
    }
    bool key(string_t& key) override
    {
        const int known = m_table.column(key);
        m_column = known < 0 ? m_table.columns.size() : static_cast<size_t>(known);
        if (known < 0)
            m_table.columns.push_back(key);
        constexpr size_t most = 10000;
        return m_table.columns.size() <= most || refuse("has more than 10000 columns");
    }
    bool end_object() override
    {
        m_inObject = false;
        return true;
    }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override
    {
        m_problem = ": byte " + std::to_string(position) + " is no valid JSON.";
        return false;
    }

private:
    bool refuse(const std::string& what)
    {
        m_problem = ": object " + std::to_string(m_table.rows.size()) + " " + what +
                    "; the file must be a list of flat objects.";
        return false;
    }

    bool cell(std::string value)
    {
        if (!m_inObject)
            return refuse("is followed by a plain value");
        auto& row = m_table.rows.back();
        const size_t before = row.size();
        row.resize(std::max(before, m_column + 1));
        row[m_column] = std::move(value);
        m_cells += row.size() - before;
        return m_cells <= m_mostCells || refuse("leaves nearly all columns empty");
    }

    Table& m_table;
    size_t m_mostCells;
    size_t m_cells = 0;
    bool m_begun = false;
    bool m_inObject = false;
    size_t m_column = 0;
    std::string m_problem;
};

} // namespace

Result<Table> parseJsonTable(std::string_view bytes, const std::string& name)
{
    const std::string_view text = withoutMark(bytes);
    if (Status status = checkText(text, name); !status)
        return status.error();
    Table table;
    table.name = name;
    // Objects with ever new keys would take far more memory than their text: a flat table has less than a
    // cell a byte.
    const size_t mostCells = text.size() + 1;
    TableBuilder builder(table, mostCells);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
        return invalidFile(name + (builder.problem().empty() ? ": no valid JSON." : builder.problem()));
    if (table.rows.empty() || table.columns.empty())
        return invalidFile(name + ": the table has no rows.");
    if (table.rows.size() > mostCells / table.columns.size())
        return invalidFile(
            name + ": the objects have hardly a key in common; the file must be a list of flat objects "
                   "with the same keys.");
    for (auto& row : table.rows)
        row.resize(table.columns.size());
    return table;
}

} // namespace gradloom::data
