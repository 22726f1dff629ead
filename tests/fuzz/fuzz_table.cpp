#include "engine/data/table.h"
#include "engine/data/table_columns.h"

#include <cstdint>
#include <cstdlib>
#include <numeric>

using namespace gradloom;

namespace {

/// Whatever the bytes are: a table whose rows all have its columns, or a sentence. Its columns can be guessed
/// and fitted.
void check(const Result<data::Table>& table)
{
    if (!table) {
        if (!table.error().message.starts_with("input") || table.error().message.back() != '.')
            std::abort();
        return;
    }
    for (const auto& row : table->rows)
        if (row.size() != table->columns.size())
            std::abort();
    if (table->rows.size() != table->lines.size() || table->rows.empty())
        std::abort();
    auto columns = data::chooseColumns(*table, "");
    if (!columns)
        return;
    std::vector<size_t> rows(table->rows.size());
    std::iota(rows.begin(), rows.end(), size_t{0});
    (void)data::fitColumns(*table, rows, true, *columns);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    check(data::parseCsv(text, {}, "input"));
    check(data::parseCsv(text, {';', false}, "input"));
    check(data::parseJsonTable(text, "input"));
    return 0;
}
