#include "engine/data/source_type.h"
#include "engine/data/table.h"
#include "engine/data/table_columns.h"
#include "engine/data/text.h"
#include "tests/engine/test_util.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace gradloom::data {
namespace {

using test::failsWith;
using test::succeeded;
using test::TempFolder;
using test::writeBytes;
using Row = std::vector<std::string>;

Table csvTable(std::string_view text, CsvFormat format = {})
{
    return parseCsv(text, format, "t.csv").value();
}

TEST(Csv, readsQuotesLineBreaksAndBothLineEnds)
{
    const Table table =
        csvTable("\xEF\xBB\xBFname,\"a, b\"\r\n\"x \"\"y\"\"\",1\r\n\r\n\"two\nlines\",\n\"\",4");
    EXPECT_EQ(table.columns, (Row{"name", "a, b"}));
    ASSERT_EQ(table.rows.size(), 3u);
    EXPECT_EQ(table.rows[0], (Row{"x \"y\"", "1"}));
    EXPECT_EQ(table.rows[1], (Row{"two\nlines", ""}));
    EXPECT_EQ(table.rows[2], (Row{"", "4"}));
    EXPECT_EQ(table.lines, (std::vector<int64_t>{2, 4, 6}));
}

TEST(Csv, guessesTheSeparatorAndNamesColumns)
{
    EXPECT_EQ(csvTable("a;b,c\n1;2,5").columns, (Row{"a;b", "c"})); // a tie: the comma
    EXPECT_EQ(csvTable("a;b;c\n1;2,5;3").columns, (Row{"a", "b", "c"}));
    EXPECT_EQ(csvTable("a\tb\n1\t2").rows[0], (Row{"1", "2"}));
    EXPECT_EQ(csvTable("1,2\n3,4", {',', false}).columns, (Row{"1", "2"}));
    EXPECT_EQ(csvTable("1,2\n3,4", {',', false}).rows.size(), 2u);
    EXPECT_EQ(csvTable("a,\n1,2").columns, (Row{"a", "2"}));
}

TEST(Csv, refusesWithTheLine)
{
    const auto fails = [](std::string_view text, std::initializer_list<std::string_view> parts) {
        return failsWith(parseCsv(text, {}, "t.csv"), parts);
    };
    EXPECT_TRUE(fails("a,b\n1,2\n3\n", {"t.csv: line 3", "1 cell", "2 columns"}));
    EXPECT_TRUE(fails("a,b\n1,2,3\n", {"line 2", "3 cells"}));
    EXPECT_TRUE(fails("a,b\n1,\"x\n\n", {"line 2", "does not end"}));
    EXPECT_TRUE(fails("a,b\n1,\"x\"y\n", {"line 2", "closing quote"}));
    EXPECT_TRUE(fails("a,b\n1,x\"y\n", {"line 2", "quote inside"}));
    EXPECT_TRUE(fails("a,b\n1,\xC3\x28\n", {"line 2", "byte 6", "UTF-8"}));
    EXPECT_TRUE(fails(std::string_view("a,b\n1,\0\n", 8), {"line 2", "zero byte"}));
    EXPECT_TRUE(fails("a,a\n1,2\n", {"two columns \"a\""}));
    EXPECT_TRUE(fails("a,b\n", {"no rows"}));
    EXPECT_TRUE(fails("", {"no rows"}));
}

TEST(JsonTable, readsFlatObjectsAndRefusesOthers)
{
    const Table table =
        parseJsonTable(R"([{"a": 1, "b": "x"}, {"b": null, "a": 2.5e3, "c": true}])", "t.json").value();
    EXPECT_EQ(table.columns, (Row{"a", "b", "c"}));
    EXPECT_EQ(table.rows[0], (Row{"1", "x", ""}));
    EXPECT_EQ(table.rows[1], (Row{"2.5e3", "", "true"}));
    const auto fails = [](std::string_view text, std::initializer_list<std::string_view> parts) {
        return failsWith(parseJsonTable(text, "t.json"), parts);
    };
    EXPECT_TRUE(fails(R"([{"a": [1]}])", {"object 1", "list"}));
    EXPECT_TRUE(fails(R"([{"a": 1}, {"a": {"b": 1}}])", {"object 2", "plain value"}));
    EXPECT_TRUE(fails(R"({"a": 1})", {"list of"}));
    EXPECT_TRUE(fails(R"([1, 2])", {"flat objects"}));
    EXPECT_TRUE(fails(R"([{"a": 1},)", {"byte", "JSON"}));
    EXPECT_TRUE(fails("[]", {"no rows"}));
    EXPECT_TRUE(fails("", {"t.json"}));
}

/// Ever new keys would need rows × columns cells.
TEST(JsonTable, refusesWhatIsNearlyEmpty)
{
    std::string text = "[";
    for (int i = 0; i < 3000; ++i)
        text += (i ? ",{\"k" : "{\"k") + std::to_string(i) + "\":1}";
    EXPECT_TRUE(failsWith(parseJsonTable(text + "]", "t.json"), {"t.json"}));
}

TEST(Columns, kindsAreGuessedAndCorrected)
{
    const Table table = csvTable("n,date,origin,name,code,empty\n1,2012/01/"
                                 "01,us,anna,1,\n-2.5e1,2012-12-31,eu,bert,2,NA\n?,,us,carl,1,\n"
                                 "3,2013-07-01,us,dora,2,null");
    const auto guessed = chooseColumns(table, "").value();
    using Kind = ColumnKind;
    const std::vector<Kind> expected{
        Kind::Number, Kind::Date, Kind::Category, Kind::Ignore, Kind::Number, Kind::Ignore};
    for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(guessed[i].kind, expected[i]) << guessed[i].name;
    const auto corrected = chooseColumns(table, "code:category, n : ignore").value();
    EXPECT_EQ(corrected[4].kind, Kind::Category);
    EXPECT_EQ(corrected[4].categories, (Row{"1", "2"}));
    EXPECT_EQ(corrected[0].kind, Kind::Ignore);
    EXPECT_TRUE(failsWith(chooseColumns(table, "nn:number"), {"no column \"nn\""}));
    EXPECT_TRUE(failsWith(chooseColumns(table, "n:numeric"), {"numeric", "number, category"}));
    EXPECT_TRUE(failsWith(chooseColumns(table, "n"), {"kind", "\"n\""}));
    const auto date = cellValue(guessed[1], "2012-07-01 10:00").value();
    EXPECT_NEAR(*date, 2012.5, 0.01);
    EXPECT_FALSE(cellValue(guessed[1], "2012-02-30").ok());
    EXPECT_FALSE(cellValue(guessed[0], "12x").ok());
    EXPECT_FALSE(cellValue(guessed[0], "inf").ok());
}

/// Eight rows, two of them with gaps.
const char* const smallTable =
    "size,colour,price,kind\n1,red,10,a\n2,blue,20,b\n3,red,30,a\n4,,40,b\n,red,50,a\n6,blue,,b\n"
    "7,red,70,a\n8,blue,80,b\n";

Result<LoadedData> loadTable(const TempFolder& folder, Params options)
{
    writeBytes(folder / "t.csv", smallTable);
    options.set("file", (folder / "t.csv").string());
    if (!options.has("test_share"))
        options.set("test_share", 0.25);
    return loadData("csv", options, {});
}

TEST(CsvSource, learnsNumbersFromNumbersAndCategories)
{
    const TempFolder folder;
    const auto loaded = loadTable(folder, {{"target", std::string("price")}});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->features, (Row{"size", "colour=blue", "colour=red", "kind=a", "kind=b"}));
    EXPECT_EQ(loaded->sampleShape(), Shape{5});
    EXPECT_EQ(loaded->training->count() + loaded->test->count(), 5); // three rows have gaps
    const Target& target = loaded->targets.at(0);
    EXPECT_EQ(target.kind, Target::Kind::Numbers);
    EXPECT_EQ(target.name, "price");
    // The training rows have mean 0 and deviation 1, and the target goes back to its own unit.
    const auto prices = loaded->training->targets[0].floats();
    EXPECT_NEAR(std::accumulate(prices.begin(), prices.end(), 0.0), 0, 1e-5);
    for (const float price : prices) {
        const float own = price * target.deviation[0] + target.mean[0];
        EXPECT_NEAR(own, std::round(own / 10) * 10, 1e-3);
    }
    for (int64_t i = 0; i < loaded->training->count(); ++i) {
        const Tensor sample = loaded->training->sample(i);
        EXPECT_EQ(sample.floats()[1] + sample.floats()[2], 1);
        EXPECT_EQ(sample.floats()[3] + sample.floats()[4], 1);
    }
    EXPECT_TRUE(loaded->classNames().empty());
}

TEST(CsvSource, fillsGapsAndLearnsSeveralTargets)
{
    const TempFolder folder;
    const auto loaded = loadTable(folder,
        {{"target", std::string("kind, price")}, {"missing", std::string("mean")}, {"standardise", false}});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->classNames(), (Row{"a", "b"}));
    EXPECT_EQ(loaded->targets[1].name, "price");
    EXPECT_EQ(loaded->targets[1].deviation, std::vector<float>{1});
    EXPECT_EQ(
        loaded->training->count() + loaded->test->count(), 7); // only the row without a price is missing
}

TEST(CsvSource, aColumnSaysHowMuchARowCounts)
{
    const TempFolder folder;
    const auto load = [&](const char* text, const char* weight) {
        writeBytes(folder / "w.csv", text);
        return loadData("csv",
            {{"file", (folder / "w.csv").string()}, {"weight", std::string(weight)}, {"test_share", 0.25},
                {"standardise", false}},
            {});
    };
    const auto loaded = load("x,count,y\n1,2,10\n2,0,20\n3,0.5,30\n4,1,40\n", "count");
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_EQ(loaded->features, Row{"x"});
    const std::map<float, float> expected{{10, 2}, {20, 0}, {30, 0.5F}, {40, 1}};
    for (const auto& part : {loaded->training, loaded->test}) {
        ASSERT_EQ(part->weights.elements(), part->count());
        for (size_t i = 0; i < static_cast<size_t>(part->count()); ++i)
            EXPECT_EQ(part->weights.floats()[i], expected.at(part->targets[0].floats()[i]));
    }
    EXPECT_TRUE(failsWith(load("x,w,y\n1,1,1\n2,-1,2\n3,1,3\n4,1,4\n", "w"), {"line 3", "\"-1\"", "0 or more"}));
    EXPECT_TRUE(failsWith(load("x,w,y\n1,1,1\n2,1,2\n3,,3\n4,1,4\n", "w"), {"line 4", "0 or more"}));
    EXPECT_TRUE(failsWith(load("x,w,y\n1,1,1\n2,1,2\n3,1,3\n4,1,4\n", "v"), {"no column \"v\""}));
}

TEST(CsvSource, encodesALineLikeTheFile)
{
    const TempFolder folder;
    const auto loaded = loadTable(folder, {{"target", std::string("price")}, {"standardise", false}});
    ASSERT_TRUE(succeeded(loaded));
    const auto inputs = loaded->encode("2,blue,b");
    ASSERT_TRUE(succeeded(inputs));
    const std::vector<float> expected{2, 1, 0, 0, 1};
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), inputs->floats().begin()));
    const auto row = loaded->encode("2,blue,,b");
    ASSERT_TRUE(succeeded(row));
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), row->floats().begin()));
    EXPECT_TRUE(failsWith(loaded->encode("2,blue"), {"2 values", "size, colour, kind"}));
    EXPECT_TRUE(failsWith(loaded->encode("2,green,b"), {"colour", "green"}));
    EXPECT_TRUE(failsWith(loaded->encode("x,blue,b"), {"size", "\"x\""}));
    EXPECT_FALSE(loaded->encode("").ok());
}

/// --data-dir: the file of the same name in another folder.
TEST(CsvSource, takesItsFileFromAnotherFolder)
{
    const TempFolder folder;
    writeBytes(folder / "t.csv", smallTable);
    const Params options{{"file", std::string("/nowhere/t.csv")}, {"target", std::string("price")}};
    EXPECT_TRUE(succeeded(loadData("csv", options, {folder.path(), {}})));
    EXPECT_TRUE(failsWith(loadData("csv", options, {{}, folder.path()}), {"/nowhere/t.csv"}));
    const Params relative{{"file", std::string("t.csv")}, {"target", std::string("price")}};
    EXPECT_TRUE(succeeded(loadData("csv", relative, {{}, folder.path()})));
}

TEST(CsvSource, saysWhatIsWrong)
{
    const TempFolder folder;
    EXPECT_TRUE(failsWith(loadTable(folder, {{"target", std::string("cost")}}), {"no column \"cost\""}));
    EXPECT_TRUE(failsWith(loadTable(folder, {{"columns", std::string("colour:number")}}),
        {"column \"colour\"", "not a number"}));
    EXPECT_TRUE(
        failsWith(loadTable(folder, {{"columns", std::string("size:ignore, colour:ignore, price:ignore")}}),
            {"one to learn"}));
    EXPECT_TRUE(failsWith(loadData("csv", {}, {}), {"needs a file"}));
    EXPECT_TRUE(failsWith(
        loadData("csv", {{"file", std::string("/nowhere/t.csv")}}, {}), {"/nowhere/t.csv", "exist"}));
    writeBytes(folder / "one.csv", "a,b\n1,2\n");
    EXPECT_TRUE(failsWith(loadData("csv", {{"file", (folder / "one.csv").string()}}, {}), {"two samples"}));
    const auto missing = loadData(
        "csv", {{"file", std::string("/usr/lib/python3/dist-packages/vega_datasets/_data/none.csv")}}, {});
    EXPECT_TRUE(failsWith(missing, {"python3-vega-datasets"}));
}

TEST(SeriesSource, cutsWindowsInTheOrderOfTime)
{
    const TempFolder folder;
    std::string text = "t,v,w\n";
    for (int i = 0; i < 100; ++i)
        text += std::to_string(i) + "," + (i == 50 ? "" : std::to_string(i * 2)) + "," + std::to_string(-i) +
                "\n";
    writeBytes(folder / "s.csv", text);
    const Params options{{"file", (folder / "s.csv").string()}, {"column", std::string("v")},
        {"inputs", std::string("w")}, {"window", int64_t{5}}, {"horizon", int64_t{2}}, {"stride", int64_t{3}},
        {"standardise", false}};
    const auto loaded = loadData("series", options, {});
    ASSERT_TRUE(succeeded(loaded));
    EXPECT_TRUE(loaded->ordered);
    EXPECT_EQ(loaded->sampleShape(), (Shape{5, 2}));
    EXPECT_EQ(loaded->targets[0].type.shape, Shape{2});
    EXPECT_EQ(loaded->training->count(), (80 - 7) / 3 + 1);
    const Tensor second = loaded->training->sample(1);
    EXPECT_EQ(second.floats()[0], 6);                        // step 3 of v
    EXPECT_EQ(second.floats()[1], -3);                       // and of w
    EXPECT_EQ(loaded->training->targets[0].floats()[2], 16); // step 8 comes next
    // Nothing that is forecast in the test part was seen in training.
    EXPECT_EQ(loaded->test->targets[0].floats()[0], 160);
    const auto split = splitData(*loaded, 0.2, 1).value();
    EXPECT_EQ(split.validation.indices.front(), split.training.indices.back() + 1);

    auto standardised = options;
    standardised.set("standardise", true);
    const auto other = loadData("series", standardised, {});
    ASSERT_TRUE(succeeded(other));
    const Target& target = other->targets[0];
    EXPECT_NEAR(other->test->targets[0].floats()[0] * target.deviation[0] + target.mean[0], 160, 1e-3);
    EXPECT_NEAR(target.mean[0], 79, 0.1); // of the first 80 steps alone
}

TEST(SeriesSource, saysWhatIsWrong)
{
    const TempFolder folder;
    writeBytes(folder / "s.csv", "v\n1\n2\nx\n");
    const auto load = [&](Params options) {
        options.set("file", (folder / "s.csv").string());
        return loadData("series", options, {});
    };
    EXPECT_TRUE(failsWith(load({{"column", std::string("v")}}), {"line 4", "\"v\"", "\"x\""}));
    EXPECT_TRUE(failsWith(load({{"column", std::string("u")}}), {"no column \"u\""}));
    EXPECT_TRUE(failsWith(load({}), {"one column"}));
    writeBytes(folder / "s.csv", "v\n1\n2\n3\n");
    EXPECT_TRUE(failsWith(load({{"column", std::string("v")}}), {"3 steps", "too few"}));
    writeBytes(folder / "s.csv", "v,w\n,1\n2,2\n");
    EXPECT_TRUE(failsWith(load({{"column", std::string("v")}}), {"line 2", "begin"}));
}

} // namespace
} // namespace gradloom::data
