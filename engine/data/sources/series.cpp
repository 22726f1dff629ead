#include "engine/data/data_file.h"
#include "engine/data/table_columns.h"
#include "engine/data/text.h"

#include <cmath>

namespace gradloom::data {

namespace {

/// Columns of a table over time, and how windows are cut out of them.
struct SeriesPlan
{
    Table table;
    std::vector<Column> columns; ///< the forecast one first
    std::vector<std::vector<float>> values;
    int64_t window = 0;
    int64_t horizon = 0;
    int64_t stride = 1;
    int64_t trainingSteps = 0; ///< steps before the test part

    int64_t steps() const { return static_cast<int64_t>(values.front().size()); }
    /// Windows whose targets end at or before step `end`, beginning at step `begin` or later.
    int64_t windows(int64_t begin, int64_t end) const
    {
        const int64_t room = end - begin - window - horizon;
        return room < 0 ? 0 : room / stride + 1;
    }
};

Status chooseSeriesColumns(SeriesPlan& plan, const Params& params)
{
    std::vector<std::string> names = splitList(params.text("column"));
    if (names.size() != 1)
        return invalidArgument(
            "Name the one column that is to be forecast; further ones belong into \"Further columns\".");
    for (const std::string& name : splitList(params.text("inputs")))
        if (name != names.front())
            names.push_back(name);
    for (const std::string& name : names) {
        const int index = plan.table.column(name);
        if (index < 0)
            return invalidArgument(plan.table.name + " has no column \"" + name + "\".");
        Column column;
        column.index = static_cast<size_t>(index);
        column.name = name;
        plan.columns.push_back(std::move(column));
    }
    return {};
}

/// A gap in a series would shift everything behind it, so a missing value takes that of the step before.
Status readSeries(SeriesPlan& plan)
{
    for (const Column& column : plan.columns) {
        std::vector<float> values;
        for (size_t row = 0; row < plan.table.rows.size(); ++row) {
            auto value = cellValue(column, plan.table.rows[row][column.index]);
            if (!value)
                return invalidFile(plan.table.place(row, column.index) + " holds \"" +
                                   plan.table.rows[row][column.index].substr(0, 60) +
                                   "\", which is not a number.");
            if (!*value && values.empty())
                return invalidFile(
                    plan.table.place(row, column.index) +
                    " is empty; a series must begin with a value. Remove the lines before it.");
            values.push_back(*value ? static_cast<float>(**value) : values.back());
        }
        plan.values.push_back(std::move(values));
    }
    return {};
}

void standardiseSeries(SeriesPlan& plan)
{
    for (size_t c = 0; c < plan.columns.size(); ++c) {
        double sum = 0;
        double squares = 0;
        for (int64_t i = 0; i < plan.trainingSteps; ++i) {
            const double value = plan.values[c][static_cast<size_t>(i)];
            sum += value;
            squares += value * value;
        }
        const auto count = static_cast<double>(plan.trainingSteps);
        Column& column = plan.columns[c];
        column.mean = sum / count;
        const double variance = squares / count - column.mean * column.mean;
        column.deviation =
            variance > 1e-12 * std::max(1.0, column.mean * column.mean) ? std::sqrt(variance) : 1.0;
        for (float& value : plan.values[c])
            value = static_cast<float>((value - column.mean) / column.deviation);
    }
}

/// Windows from step `begin` to step `end` as a dataset: N×window×columns, and what follows: N×horizon.
std::shared_ptr<const Dataset> cutWindows(const SeriesPlan& plan, int64_t begin, int64_t end)
{
    const int64_t count = plan.windows(begin, end);
    const size_t columns = plan.columns.size();
    auto dataset = std::make_shared<Dataset>();
    dataset->samples = Tensor(Shape{count, plan.window, static_cast<int64_t>(columns)});
    Tensor targets(Shape{count, plan.horizon});
    float* sample = dataset->samples.floats().data();
    float* target = targets.floats().data();
    for (int64_t i = 0; i < count; ++i) {
        const auto first = static_cast<size_t>(begin + i * plan.stride);
        const size_t now = first + static_cast<size_t>(plan.window);
        for (size_t step = first; step < now; ++step)
            for (size_t c = 0; c < columns; ++c)
                *sample++ = plan.values[c][step];
        for (size_t step = now; step < now + static_cast<size_t>(plan.horizon); ++step)
            *target++ = plan.values[0][step];
    }
    dataset->targets.push_back(std::move(targets));
    return dataset;
}

Target seriesTarget(const SeriesPlan& plan)
{
    const Column& column = plan.columns.front();
    Target target = numberTarget(column.name, Shape{plan.horizon});
    target.mean.assign(static_cast<size_t>(plan.horizon), static_cast<float>(column.mean));
    target.deviation.assign(static_cast<size_t>(plan.horizon), static_cast<float>(column.deviation));
    return target;
}

/// The last `window` values that a person gives, separated by commas: only for a series of one column.
Result<Tensor> encodeWindow(const Column& column, int64_t window, const std::string& line)
{
    const auto parts = splitList(line);
    if (static_cast<int64_t>(parts.size()) != window)
        return invalidArgument("The line has " + std::to_string(parts.size()) +
                               " values but needs the last " + std::to_string(window) +
                               ", separated by commas.");
    Tensor sample(Shape{window, 1});
    for (size_t i = 0; i < parts.size(); ++i) {
        double value = 0;
        if (!parseNumber(parts[i], value))
            return invalidArgument("The line holds \"" + parts[i] + "\", which is not a number.");
        sample.floats()[i] = static_cast<float>((value - column.mean) / column.deviation);
    }
    return sample;
}

Result<LoadedData> finishSeries(SeriesPlan& plan, const Params& params)
{
    // The windows of the test part may look back into the training part, but nothing that is forecast there
    // was seen.
    const int64_t steps = plan.steps();
    const auto testSteps =
        static_cast<int64_t>(std::llround(params.real("test_share") * static_cast<double>(steps)));
    plan.trainingSteps = steps - testSteps;
    const int64_t testBegin = std::max<int64_t>(0, plan.trainingSteps - plan.window);
    if (plan.windows(0, plan.trainingSteps) < 1 || plan.windows(testBegin, steps) < 1)
        return invalidFile(plan.table.name + ": the series has " + std::to_string(steps) +
                           " steps, too few for windows of " + std::to_string(plan.window) +
                           " and a forecast of " + std::to_string(plan.horizon) +
                           " in both parts; choose shorter ones.");
    if (params.flag("standardise"))
        standardiseSeries(plan);
    LoadedData data;
    data.name = std::filesystem::path(plan.table.name).stem().string();
    data.description = "Windows of " + std::to_string(plan.window) + " steps of the series in " +
                       plan.table.name + "; to be forecast: " + plan.columns.front().name + ".";
    data.valueMaximum = 1;
    data.ordered = true;
    data.targets.push_back(seriesTarget(plan));
    for (const Column& column : plan.columns)
        data.features.push_back(column.name);
    data.training = cutWindows(plan, 0, plan.trainingSteps);
    data.test = cutWindows(plan, testBegin, steps);
    if (plan.columns.size() == 1)
        data.encode = [column = plan.columns.front(), window = plan.window](
                          const std::string& line) { return encodeWindow(column, window, line); };
    return data;
}

Result<LoadedData> loadSeries(const Params& params, const SourceContext& context)
{
    const auto file = findDataFile(params.text("file"), context);
    if (!file)
        return file.error();
    auto table = readTable(*file, {});
    if (!table)
        return table.error();
    SeriesPlan plan;
    plan.table = std::move(*table);
    plan.window = params.integer("window");
    plan.horizon = params.integer("horizon");
    plan.stride = params.integer("stride");
    if (Status status = chooseSeriesColumns(plan, params); !status)
        return status.error();
    if (Status status = readSeries(plan); !status)
        return status.error();
    return finishSeries(plan, params);
}

} // namespace

SourceType series()
{
    SourceType type;
    type.id = "series";
    type.title = "Time series";
    type.help = "Windows cut out of a column of a table; what follows a window is to be forecast. The last "
                "part of the "
                "series is kept for testing.";
    type.parameters = {fileParam("", "A CSV file or JSON list, one step a row, in the order of time."),
        textParam("column", "Column", "", "The column of numbers to forecast."),
        textParam("inputs", "Further columns", "",
            "Columns of numbers that the network sees besides, separated by commas."),
        integerParam("window", "Window", 30, 1, 100000, "How many steps the network looks back.")
            .withUnit("steps"),
        integerParam("horizon", "Horizon", 1, 1, 10000, "How many steps behind the window are forecast.")
            .withUnit("steps"),
        integerParam(
            "stride", "Stride", 1, 1, 100000, "From the beginning of one window to that of the next.")
            .withUnit("steps"),
        switchParam("standardise", "Standardise", true,
            "Brings every column to mean 0 and deviation 1 of the part to train on."),
        testShareParam()};
    type.load = loadSeries;
    return type;
}

} // namespace gradloom::data
