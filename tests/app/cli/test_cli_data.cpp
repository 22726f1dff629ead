#include "engine/data/image.h"
#include "tests/app/cli/cli_program.h"

#include <cmath>

using namespace gradloom;
using namespace gradloom::cli_test;

namespace {

/// Networks on data that is no pictures: a table whose price is 10 · size + 5 for red ones, and sentences.
class CliData : public testing::Test
{
protected:
    void SetUp() override
    {
        std::string rows = "size,colour,price\n";
        for (int i = 0; i < 120; ++i)
            rows += std::to_string(i % 12) + (i % 2 ? ",red," : ",blue,") +
                    std::to_string(10 * (i % 12) + (i % 2 ? 5 : 0)) + "\n";
        test::writeBytes(folder / "t.csv", rows);
        test::writeBytes(folder / "table.gradloom.json",
            project("csv", R"({"file": "t.csv", "target": "price"})",
                R"({"id": "in", "type": "input", "options": {"shape": [3]}},
               {"id": "hidden", "type": "dense", "options": {"units": 12, "activation": "tanh"}},
               {"id": "out", "type": "dense", "options": {"units": 1}},
               {"id": "loss", "type": "mse"})",
                R"({"from": "in", "to": "hidden"}, {"from": "hidden", "to": "out"}, {"from": "out", "to": "loss"})"));
        test::writeBytes(folder / "text.gradloom.json",
            project("toy_text", R"({"training": 300, "opinions": 1, "negated": 0, "length": 8})",
                R"({"id": "in", "type": "input", "options": {"shape": [8], "kind": "tokens"}},
                   {"id": "words", "type": "embedding", "options": {"vocabulary": 300, "size": 8}},
                   {"id": "reader", "type": "gru", "options": {"units": 8}},
                   {"id": "out", "type": "dense", "options": {"units": 2}},
                   {"id": "loss", "type": "cross_entropy"})",
                R"({"from": "in", "to": "words"}, {"from": "words", "to": "reader"},
                   {"from": "words", "from_port": 1, "to": "reader", "to_port": 1},
                   {"from": "reader", "to": "out"}, {"from": "out", "to": "loss"})"));
    }

    static std::string project(const std::string& source, const std::string& options,
        const std::string& nodes, const std::string& edges)
    {
        return R"({"format": 1, "name": "Data", "data": {"source": {"type": ")" + source +
               R"(", "options": )" + options + R"(}, "preprocess": "none"}, "nodes": [)" + nodes +
               R"(], "edges": [)" + edges +
               R"(], "training": {"optimizer": {"type": "adam", "options": {"learning_rate": 0.02}}, "batch": 16, "epochs": 30}})";
    }

    std::string at(const std::string& name) const { return (folder / name).string(); }

    std::string weightsOf(const std::string& name)
    {
        const Output output = run({"train", at(name), "--out", at("run"), "--quiet", "--threads", "2"});
        EXPECT_EQ(output.code, 0) << output.err;
        return at("run/weights.safetensors");
    }

    test::TempFolder folder;
};

} // namespace

TEST_F(CliData, LinesOfATableArePredictedInTheirUnit)
{
    const std::string project = at("table.gradloom.json");
    const std::string weights = weightsOf("table.gradloom.json");
    const Output output = run({"predict", project, "--weights", weights, "--json", "5,red", "9,blue,"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    ASSERT_EQ(result.size(), 2u);
    EXPECT_EQ(result[0]["input"], "5,red");
    EXPECT_NEAR(result[0]["values"][0].get<double>(), 55, 6);
    EXPECT_NEAR(result[1]["values"][0].get<double>(), 90, 6);

    test::writeBytes(folder / "lines.csv", "1,red\n\n11,blue\n");
    EXPECT_EQ(run({"predict", project, "--weights", weights, "--json", at("lines.csv")}).json().size(), 2u);
    Tensor rows(Shape{3, 3});
    ASSERT_TRUE(data::writeNpy(folder / "rows.npy", rows).ok());
    EXPECT_EQ(run({"predict", project, "--weights", weights, "--json", at("rows.npy")}).json().size(), 3u);

    const Output wrong = run({"predict", project, "--weights", weights, "5,green"});
    EXPECT_EQ(wrong.code, 1);
    EXPECT_NE(wrong.err.find("green"), std::string::npos) << wrong.err;
    const Output judged = run({"evaluate", project, "--weights", weights, "--json"});
    ASSERT_EQ(judged.code, 0) << judged.err;
    const Json metrics = judged.json()["metrics"];
    EXPECT_LT(metrics["mae"].get<double>(), 5) << metrics;
    EXPECT_GT(metrics["mae"].get<double>(), 0.01) << metrics; // in prices, not in deviations
}

TEST_F(CliData, SentencesArePredicted)
{
    const std::string weights = weightsOf("text.gradloom.json");
    const Output output = run({"predict", at("text.gradloom.json"), "--weights", weights, "--json",
        "the soup was very good", "The song was dreadful"});
    ASSERT_EQ(output.code, 0) << output.err;
    const Json result = output.json();
    EXPECT_EQ(result[0]["class_name"], "praise");
    EXPECT_EQ(result[1]["class_name"], "blame");
}

TEST_F(CliData, ALanguageModelSaysWhatComesNext)
{
    std::string rhyme;
    for (int i = 0; i < 400; ++i)
        rhyme += "eene meene muh und raus bist du\n";
    test::writeBytes(folder / "rhyme.txt", rhyme);
    test::writeBytes(folder / "rhyme.gradloom.json",
        project("text", R"({"file": "rhyme.txt", "task": "next", "length": 6, "vocabulary": 20})",
            R"({"id": "in", "type": "input", "options": {"shape": [6], "kind": "tokens"}},
               {"id": "words", "type": "embedding", "options": {"vocabulary": 20, "size": 8}},
               {"id": "reader", "type": "gru", "options": {"units": 12, "output": "sequence"}},
               {"id": "out", "type": "dense", "options": {"units": 20}},
               {"id": "loss", "type": "cross_entropy"})",
            R"({"from": "in", "to": "words"}, {"from": "words", "to": "reader"},
               {"from": "reader", "to": "out"}, {"from": "out", "to": "loss"})"));
    const std::string weights = weightsOf("rhyme.gradloom.json");
    const Output output =
        run({"predict", at("rhyme.gradloom.json"), "--weights", weights, "--json", "eene meene", "muh und raus"});
    ASSERT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(output.json()[0]["class_name"], "muh");
    EXPECT_EQ(output.json()[1]["class_name"], "bist");
    const Output judged = run({"evaluate", at("rhyme.gradloom.json"), "--weights", weights, "--json"});
    ASSERT_EQ(judged.code, 0) << judged.err;
    EXPECT_LT(judged.json()["metrics"]["perplexity"].get<double>(), 2.5);
}
