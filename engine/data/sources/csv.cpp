#include "engine/data/data_file.h"
#include "engine/data/table_columns.h"
#include "engine/data/text.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

namespace gradloom::data {

namespace {

/// What is done with a table: which columns are inputs and which are learned.
struct TablePlan
{
    Table table;
    std::vector<Column> inputs;
    std::vector<Column> targets;
    std::optional<Column> weight; ///< how much a row counts
    std::vector<double> fill;     ///< for missing cells of the inputs
    std::vector<size_t> training; ///< rows
    std::vector<size_t> test;
    size_t width = 0; ///< numbers of one sample
};

CsvFormat csvFormatOf(const Params& params)
{
    CsvFormat format;
    const std::string& separator = params.text("separator");
    format.separator = separator == "comma"       ? ','
                       : separator == "semicolon" ? ';'
                       : separator == "tab"       ? '\t'
                                                  : '\0';
    format.header = params.flag("header");
    return format;
}

Status chooseWeight(TablePlan& plan, const std::string& name, std::vector<Column>& columns)
{
    if (name.empty())
        return {};
    const int index = plan.table.column(name);
    if (index < 0)
        return invalidArgument(plan.table.name + " has no column \"" + name + "\" that says how much a row counts.");
    Column& column = columns[static_cast<size_t>(index)];
    plan.weight = column;
    plan.weight->kind = ColumnKind::Number;
    column.kind = ColumnKind::Ignore; // neither learned from nor learned
    return {};
}

/// Divides the columns into inputs and targets; no name stands for the last column that is not ignored.
Status chooseRoles(TablePlan& plan, const Params& params)
{
    auto columns = chooseColumns(plan.table, params.text("columns"));
    if (!columns)
        return columns.error();
    if (Status status = chooseWeight(plan, params.text("weight"), *columns); !status)
        return status;
    std::vector<std::string> names = splitList(params.text("target"));
    if (names.empty()) {
        const auto last = std::find_if(
            columns->rbegin(), columns->rend(), [](const Column& c) { return c.kind != ColumnKind::Ignore; });
        if (last != columns->rend())
            names.push_back(last->name);
    }
    for (const std::string& name : names) {
        const int index = plan.table.column(name);
        if (index < 0)
            return invalidArgument(plan.table.name + " has no column \"" + name +
                                   "\" to learn; name one of: " + plan.table.columns.front() + " … " +
                                   plan.table.columns.back() + ".");
        const Column& column = (*columns)[static_cast<size_t>(index)];
        if (column.kind == ColumnKind::Ignore)
            return invalidArgument(
                plan.table.name + ": the column \"" + name +
                "\" is to be learned but holds neither numbers nor repeated texts. Name its kind, as in \"" +
                name + ":category\".");
        plan.targets.push_back(column);
    }
    for (const Column& column : *columns) {
        const bool target = std::find(names.begin(), names.end(), column.name) != names.end();
        if (target || column.kind == ColumnKind::Ignore)
            continue;
        plan.inputs.push_back(column);
        plan.width += column.width();
    }
    if (plan.targets.empty() || plan.inputs.empty())
        return invalidFile(
            plan.table.name + ": the table needs at least one column to learn from and one to learn.");
    return {};
}

bool misses(const std::vector<std::string>& row, const std::vector<Column>& columns)
{
    return std::any_of(
        columns.begin(), columns.end(), [&](const Column& c) { return isMissing(row[c.index]); });
}

Status chooseRows(TablePlan& plan, const Params& params)
{
    const bool drop = params.text("missing") == "drop";
    std::vector<size_t> rows;
    for (size_t i = 0; i < plan.table.rows.size(); ++i) {
        const auto& row = plan.table.rows[i];
        if (!misses(row, plan.targets) && !(drop && misses(row, plan.inputs)))
            rows.push_back(i);
    }
    const auto count = static_cast<int64_t>(rows.size());
    const auto test = testCount(count, params.real("test_share"), plan.table.name);
    if (!test)
        return test.error();
    const auto order = partOrder(count, static_cast<uint64_t>(params.integer("seed")));
    for (int64_t i = 0; i < count; ++i)
        (i < *test ? plan.test : plan.training)
            .push_back(rows[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    std::sort(plan.test.begin(), plan.test.end());
    std::sort(plan.training.begin(), plan.training.end());
    return {};
}

Status fitPlan(TablePlan& plan, bool standardise)
{
    auto inputs = fitColumns(plan.table, plan.training, standardise, plan.inputs);
    if (!inputs)
        return inputs.error();
    plan.fill = std::move(inputs->fill);
    auto targets = fitColumns(plan.table, plan.training, standardise, plan.targets);
    return targets ? Status() : Status(targets.error());
}

/// One row as numbers; an Error without its line.
Status encodeRow(const TablePlan& plan, const std::vector<std::string>& cells, std::span<float> out)
{
    size_t at = 0;
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
        const Column& column = plan.inputs[i];
        auto value = cellValue(column, cells[column.index]);
        if (!value)
            return invalidFile(", column \"" + column.name + "\"" + value.error().message);
        writeCell(column, *value, plan.fill[i], out.subspan(at, column.width()));
        at += column.width();
    }
    return {};
}

Status encodeWeights(const TablePlan& plan, const std::vector<size_t>& rows, Dataset& dataset)
{
    if (!plan.weight)
        return {};
    dataset.weights = Tensor(Shape{static_cast<int64_t>(rows.size())});
    for (size_t i = 0; i < rows.size(); ++i) {
        const std::string& cell = plan.table.rows[rows[i]][plan.weight->index];
        auto value = cellValue(*plan.weight, cell);
        if (!value)
            return invalidFile(plan.table.place(rows[i], plan.weight->index) + value.error().message);
        if (!*value || !(**value >= 0) || !std::isfinite(**value))
            return invalidFile(plan.table.place(rows[i], plan.weight->index) + " holds \"" + cell.substr(0, 60) +
                               "\", but how much a row counts must be a number of 0 or more.");
        dataset.weights.floats()[i] = static_cast<float>(**value);
    }
    return {};
}

Result<std::shared_ptr<const Dataset>> encodePart(const TablePlan& plan, const std::vector<size_t>& rows)
{
    auto dataset = std::make_shared<Dataset>();
    const auto count = static_cast<int64_t>(rows.size());
    dataset->samples = Tensor(Shape{count, static_cast<int64_t>(plan.width)});
    for (size_t i = 0; i < rows.size(); ++i) {
        const auto out = dataset->samples.floats().subspan(i * plan.width, plan.width);
        if (Status status = encodeRow(plan, plan.table.rows[rows[i]], out); !status)
            return invalidFile(plan.table.name + ": line " + std::to_string(plan.table.lines[rows[i]]) +
                               status.error().message);
    }
    for (const Column& column : plan.targets) {
        const bool classes = column.kind == ColumnKind::Category;
        Tensor values(classes ? Shape{count} : Shape{count, 1}, classes ? DType::I32 : DType::F32);
        for (size_t i = 0; i < rows.size(); ++i) {
            auto value = cellValue(column, plan.table.rows[rows[i]][column.index]);
            if (!value)
                return invalidFile(plan.table.place(rows[i], column.index) + value.error().message);
            if (classes)
                values.as<int32_t>()[i] = static_cast<int32_t>(**value);
            else
                writeCell(column, *value, 0, values.floats().subspan(i, 1));
        }
        dataset->targets.push_back(std::move(values));
    }
    if (Status status = encodeWeights(plan, rows, *dataset); !status)
        return status.error();
    return std::shared_ptr<const Dataset>(std::move(dataset));
}

Target targetOfColumn(const Column& column)
{
    if (column.kind == ColumnKind::Category)
        return classTarget(column.name, column.categories);
    Target target = numberTarget(column.name, Shape{1});
    target.mean = {static_cast<float>(column.mean)};
    target.deviation = {static_cast<float>(column.deviation)};
    return target;
}

/// A line that a person gives: all columns of the table (those to learn may be empty), or the inputs alone.
Result<Tensor> encodeLine(const TablePlan& plan, const std::string& line)
{
    auto row = parseCsv(line, {0, false}, "the line");
    if (!row)
        return row.error();
    std::vector<std::string> cells = row->rows.front();
    if (cells.size() == plan.inputs.size() && cells.size() != plan.table.columns.size()) {
        std::vector<std::string> all(plan.table.columns.size());
        for (size_t i = 0; i < plan.inputs.size(); ++i)
            all[plan.inputs[i].index] = cells[i];
        cells = std::move(all);
    }
    if (cells.size() != plan.table.columns.size()) {
        std::string names;
        for (const Column& column : plan.inputs)
            names += (names.empty() ? "" : ", ") + column.name;
        return invalidArgument("The line has " + std::to_string(cells.size()) + " values but needs " +
                               std::to_string(plan.inputs.size()) + ": " + names + ".");
    }
    Tensor sample(Shape{static_cast<int64_t>(plan.width)});
    if (Status status = encodeRow(plan, cells, sample.floats()); !status)
        return invalidArgument("The line" + status.error().message);
    return sample;
}

void describePlan(const TablePlan& plan, LoadedData& data)
{
    std::string learned;
    for (const Column& column : plan.targets) {
        data.targets.push_back(targetOfColumn(column));
        learned += (learned.empty() ? "" : ", ") + column.name;
    }
    for (const Column& column : plan.inputs) {
        if (column.kind != ColumnKind::Category)
            data.features.push_back(column.name);
        for (const std::string& category : column.categories)
            data.features.push_back(column.name + "=" + category);
    }
    data.description = "Table " + plan.table.name + ": " + std::to_string(plan.inputs.size()) +
                       " columns to learn from, learned: " + learned + ".";
}

Result<LoadedData> loadCsv(const Params& params, const SourceContext& context)
{
    const auto file = findDataFile(params.text("file"), context);
    if (!file)
        return file.error();
    const CsvFormat format = csvFormatOf(params);
    auto table = readTable(*file, format);
    if (!table)
        return table.error();
    auto plan = std::make_shared<TablePlan>();
    plan->table = std::move(*table);
    if (Status status = chooseRoles(*plan, params); !status)
        return status.error();
    if (Status status = chooseRows(*plan, params); !status)
        return status.error();
    if (Status status = fitPlan(*plan, params.flag("standardise")); !status)
        return status.error();
    auto training = encodePart(*plan, plan->training);
    if (!training)
        return training.error();
    auto test = encodePart(*plan, plan->test);
    if (!test)
        return test.error();
    LoadedData data;
    data.name = file->stem().string();
    data.valueMaximum = 1;
    data.training = std::move(*training);
    data.test = std::move(*test);
    describePlan(*plan, data);
    plan->table.rows.clear(); // what is still needed are the columns
    plan->table.rows.shrink_to_fit();
    data.encode = [plan](const std::string& line) { return encodeLine(*plan, line); };
    return data;
}

} // namespace

SourceType csv()
{
    SourceType type;
    type.id = "csv";
    type.title = "Table";
    type.help = "A table of numbers and categories: comma-separated values, or a JSON list of flat objects.";
    type.parameters = {fileParam("", "A CSV file (with commas, semicolons or tabs), or JSON."),
        textParam("target", "Target", "",
            "The column to learn, or several separated by commas. Numbers are learned as numbers, categories "
            "as classes. "
            "Left empty, the last column."),
        textParam("columns", "Kinds of columns", "",
            "Corrects what was guessed: \"horsepower:number, origin:category, year:date, name:ignore\"."),
        textParam("weight", "Weight of a row", "",
            "A column of numbers from 0 up that says how much each row counts in the loss; empty: all alike."),
        choiceParam("missing", "Missing values", "drop",
            {{"drop", "leave the row out"}, {"mean", "use the mean"}},
            "What happens to rows with empty cells. Rows without a target are always left out."),
        switchParam("standardise", "Standardise", true,
            "Brings numbers, also those to learn, to mean 0 and deviation 1 of the training rows."),
        choiceParam("separator", "Separator", "auto",
            {{"auto", "guessed"}, {"comma", "comma"}, {"semicolon", "semicolon"}, {"tab", "tab"}},
            "What stands between the cells of a CSV file."),
        switchParam("header", "First line names columns", true,
            "Without it the columns are called 1, 2, 3 and so on. JSON always has names."),
        testShareParam(), splitSeedParam()};
    type.load = loadCsv;
    return type;
}

} // namespace gradloom::data
