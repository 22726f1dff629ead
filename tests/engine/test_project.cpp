#include "engine/graph/analysis.h"

#include "source_dir.h"
#include "tests/engine/graph_test_util.h"
#include "tests/engine/schema_check.h"
#include "tests/engine/test_util.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include <sys/stat.h>

namespace gradloom::project {
namespace {

using nlohmann::json;
using test::failsWith;
using test::succeeded;

const std::filesystem::path source = GRADLOOM_SOURCE_DIR;

std::vector<std::filesystem::path> projectFiles()
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(source / "projects"))
        if (entry.path().string().ends_with(".gradloom.json"))
            files.push_back(entry.path());
    return files;
}

const test::SchemaCheck& schema()
{
    static const test::SchemaCheck check(
        json::parse(test::readBytes(source / "engine/project/gradloom.schema.json")));
    return check;
}

/// A good project as JSON, to be made bad.
json goodDocument()
{
    return json::parse(formatProject(test::smallProject()));
}

/// The message of a document that was changed at one place.
void expectRefused(
    const std::string& pointer, const json& value, std::initializer_list<std::string_view> parts)
{
    json document = goodDocument();
    document[json::json_pointer(pointer)] = value;
    const auto result = parseProject(document.dump(), "bad.gradloom.json");
    EXPECT_TRUE(failsWith(result, parts)) << pointer << " = " << value;
    EXPECT_TRUE(failsWith(result, {"bad.gradloom.json"}));
    EXPECT_TRUE(result.ok() || result.error().code == ErrorCode::InvalidFile);
}

void expectRefusedText(const std::string& text, std::initializer_list<std::string_view> parts)
{
    EXPECT_TRUE(failsWith(parseProject(text, "bad.json"), parts)) << text.substr(0, 200);
    EXPECT_TRUE(failsWith(parseProject(text, "bad.json"), {"bad.json"}));
}

TEST(Project, IsReadBackTheSame)
{
    const Project project = test::smallProject();
    const auto read = parseProject(formatProject(project), "x");
    ASSERT_TRUE(succeeded(read));
    EXPECT_TRUE(*read == project);
    EXPECT_EQ(formatProject(*read), formatProject(project));
}

TEST(Project, GroupsAreReadBackTheSameAndPlainOnesStayShort)
{
    Project project = test::smallProject();
    EXPECT_EQ(formatProject(project).find("repeat"), std::string::npos);
    project.graph.groups[0].repeat = 64;
    project.graph.groups[0].collapsed = true;
    const std::string text = formatProject(project);
    EXPECT_EQ(schema().faultOf(json::parse(text)), "");
    const auto read = parseProject(text, "x");
    ASSERT_TRUE(succeeded(read));
    EXPECT_TRUE(*read == project);
    EXPECT_EQ(formatProject(*read), text);
}

TEST(Project, KeysThatAreLeftOutHaveDefaults)
{
    const auto project = parseProject(R"({"format": 1, "nodes": [], "edges": []})", "x");
    ASSERT_TRUE(succeeded(project));
    EXPECT_TRUE(*project == Project());
    const auto node = parseProject(R"({"format":1,"nodes":[{"id":"d","type":"dense"}],"edges":[]})", "x");
    ASSERT_TRUE(succeeded(node));
    EXPECT_TRUE(node->graph.nodes[0] == test::node("d", "dense"));
}

TEST(Project, OneNodeALine)
{
    Project project = test::smallProject();
    const std::string before = formatProject(project);
    EXPECT_NE(
        before.find("\n    {\"id\": \"conv2d_1\", \"type\": \"conv2d\", \"version\": 1, \"at\": [240, 0], "
                    "\"options\": {\"filters\": 4}},\n"),
        std::string::npos)
        << before;
    project.graph.find("conv2d_1")->params.set("filters", int64_t{5});
    const std::string after = formatProject(project);
    auto lines = [](const std::string& text) {
        std::multiset<std::string> all;
        std::istringstream stream(text);
        for (std::string line; std::getline(stream, line);)
            all.insert(line);
        return all;
    };
    std::vector<std::string> changed;
    std::ranges::set_difference(lines(before), lines(after), std::back_inserter(changed));
    EXPECT_EQ(changed.size(), 1u);
}

TEST(Project, SampleProjectsLoadObeyTheSchemaAndAreWrittenAsTheyAre)
{
    ASSERT_GE(projectFiles().size(), 3u);
    for (const auto& path : projectFiles()) {
        const std::string text = test::readBytes(path);
        EXPECT_EQ(schema().faultOf(json::parse(text)), "") << path;
        const auto project = loadProject(path);
        ASSERT_TRUE(succeeded(project));
        EXPECT_EQ(formatProject(*project), text) << path;
        EXPECT_TRUE(graph::analyse(project->graph).problems.empty()) << path;
        EXPECT_FALSE(project->name.empty() || project->description.empty() || project->expected.empty());
    }
}

TEST(Project, WrittenProjectsObeyTheSchemaAndTheSchemaRefuses)
{
    EXPECT_EQ(schema().faultOf(goodDocument()), "");
    EXPECT_EQ(schema().faultOf(json::parse(formatProject({}))), "");
    Project project = test::smallProject();
    project.graph.nodes.push_back(test::node("add_1", "add"));
    project.graph.edges.push_back({"dense_1", 0, "add_1", 3});
    project.graph.nodes[1].position = {-0.5, 1e6};
    EXPECT_EQ(schema().faultOf(json::parse(formatProject(project))), "");

    auto refused = [](const char* pointer, const json& value) {
        json document = goodDocument();
        document[json::json_pointer(pointer)] = value;
        EXPECT_NE(schema().faultOf(document), "") << pointer;
        EXPECT_FALSE(parseProject(document.dump(), "x").ok()) << pointer;
    };
    refused("/format", 2);
    refused("/extra", 1);
    refused("/nodes/0/id", "a b");
    refused("/nodes/0/at", json::array({1}));
    refused("/nodes/0/options/shape", json::array({1.5}));
    refused("/edges/0/to_port", -1);
    refused("/training/batch", 0);
    refused("/training/validation_share", 0.95);
    refused("/data/preprocess", "magic");
    refused("/groups/0/nodes", "flatten_1");
    refused("/groups/0/repeat", 0);
    refused("/groups/0/repeat", 65);
    refused("/groups/0/collapsed", 1);
}

TEST(Project, KeptFilesOfEveryFormatLoad)
{
    for (int format = 1; format <= currentFormat; ++format) {
        const auto path =
            source / "tests/golden/projects" / ("format_" + std::to_string(format) + ".gradloom.json");
        const auto project = loadProject(path);
        ASSERT_TRUE(succeeded(project));
        EXPECT_TRUE(*project == test::smallProject()) << path;
    }
}

TEST(Project, BrokenTextIsRefused)
{
    expectRefusedText("", {"is empty"});
    expectRefusedText(" \n ", {"is empty"});
    expectRefusedText("hello", {"not valid JSON", "line 1"});
    expectRefusedText("[]", {"must be an object"});
    expectRefusedText("{}", {"not a Gradloom project", "format"});
    expectRefusedText("{\n  \"format\": 1,\n  \"nodes\": [}\n", {"not valid JSON", "line 3, column 13"});
    expectRefusedText("{\"format\": 1, \"format\": 1}", {"\"format\" twice"});
    expectRefusedText("{\"format\": 1, \"name\": \"\xff\"}", {"UTF-8", "line 1"});
    expectRefusedText("{\"format\": 1e999}", {"number is too large"});
    expectRefusedText(std::string("{\"format\": 1, \0}", 16), {"not valid JSON"});
    expectRefusedText(std::string(100, '[') + std::string(100, ']'), {"more than 32 deep"});
    expectRefusedText(std::string(1 << 20, '['), {"more than 32 deep"});
    expectRefusedText("[" + std::string(1 << 20, ' ').replace(0, 6, "1,1,1,") + "1]", {"must be an object"});
    std::string many = "[0";
    for (int i = 0; i < 400'000; ++i)
        many += ",0";
    expectRefusedText(many + "]", {"more than 400000 values"});
    expectRefusedText(std::string(maxProjectBytes + 1, ' '), {"16777217", "16777216"});
}

TEST(Project, AFileCutAnywhereIsRefused)
{
    const std::string text = formatProject(test::smallProject());
    for (size_t size = 0; size + 2 < text.size(); ++size) {
        const auto project = parseProject(text.substr(0, size), "cut.json");
        ASSERT_TRUE(failsWith(project, {"cut.json"})) << size;
        ASSERT_TRUE(size == 0 || failsWith(project, {"cut off"}));
    }
}

TEST(Project, FormatsOfTheFutureAreRefused)
{
    expectRefused("/format", 2, {"format", "is 2", "up to 1", "update"});
    expectRefused("/format", 0, {"format", "0"});
    expectRefused("/format", "1", {"format", "\"1\""});
    expectRefused("/format", 18446744073709551615u, {"format"});
    expectRefused("/nodes/1/version", 2, {"nodes[1].version", "Conv2D", "update"});
}

TEST(Project, WrongTypesAndRangesNameTheirPlace)
{
    expectRefused("/nodes", 3, {"nodes", "a list", "3"});
    expectRefused("/edges", nullptr, {"edges", "a list", "null"});
    expectRefused("/name", 3, {"name", "a text"});
    expectRefused("/name", std::string(201, 'n'), {"name", "201"});
    expectRefused("/nodes/0", 3, {"nodes[0]", "an object"});
    expectRefused("/nodes/0/colour", 3, {"nodes[0]", "unknown key \"colour\"", "known are id"});
    expectRefused("/colour", 3, {"unknown key \"colour\"", "known are"});
    expectRefused("/nodes/0/at", json::array({1, 2, 3}), {"nodes[0].at"});
    expectRefused("/nodes/0/at/0", "x", {"nodes[0].at[0]", "a number"});
    expectRefused("/nodes/0/at/0", 1e9, {"nodes[0].at[0]", "between -1000000 and 1000000"});
    expectRefused("/nodes/1/options/filters", 0, {"nodes[1] (conv2d_1)", "Filters", "between 1 and"});
    expectRefused("/nodes/1/options/filters", 1.5, {"nodes[1] (conv2d_1)", "Filters", "whole number"});
    expectRefused("/nodes/1/options/filters", nullptr, {"nodes[1].options.filters", "null"});
    expectRefused("/nodes/1/options/filters", json::object(), {"nodes[1].options.filters", "an object"});
    expectRefused("/nodes/1/options/nonsense", 1, {"nodes[1] (conv2d_1)", "nonsense"});
    expectRefused("/nodes/1/options/filters", 18446744073709551615u, {"nodes[1].options.filters"});
    expectRefused("/nodes/1/options/kernel", json::array({3, "x"}), {"nodes[1].options.kernel[1]"});
    expectRefused("/nodes/1/options", 3, {"nodes[1].options", "an object"});
    expectRefused("/nodes/1/options/a b", 3, {"nodes[1].options", "a b"});
    expectRefused("/nodes/1/type", "conv9d", {"nodes[1].type", "conv2d_1", "conv9d", "does not know"});
    expectRefused("/nodes/1/id", "../etc/passwd", {"nodes[1].id", "letters"});
    expectRefused("/training/epochs", 0, {"training.epochs", "between 1 and"});
    expectRefused("/training/batch", 1 << 30, {"training.batch"});
    expectRefused("/training/seed", -1, {"training.seed"});
    expectRefused("/training/validation_share", 1, {"training.validation_share", "0.9"});
    expectRefused("/training/optimizer", json::object(), {"training.optimizer.type", "missing"});
    expectRefused("/data/preprocess", "magic", {"data.preprocess", "scale, centre, standardise or none", "magic"});
    json document = goodDocument();
    document.erase("nodes");
    EXPECT_TRUE(failsWith(parseProject(document.dump(), "x"), {"nodes is missing"}));
}

TEST(Project, HugeClaimsAreRefused)
{
    const int64_t big = 1 << 24;
    expectRefused("/nodes/0/options/shape", {big, big, big, big, big}, {"nodes[0] (input_1)", "2^40"});
    expectRefused("/nodes/0/options/shape", json(std::vector<int>(17, 1)), {"nodes[0].options.shape", "17"});
    expectRefused("/nodes", json(std::vector<int>(2001, 1)), {"nodes", "2001", "2000"});
    // Too much for any machine, but every number by itself is allowed: the analysis says so.
    json document = goodDocument();
    document["nodes"][0]["options"]["shape"] = {big, 1 << 10, 1};
    const auto project = parseProject(document.dump(), "x");
    ASSERT_TRUE(succeeded(project));
    EXPECT_TRUE(failsWith(graph::analyse(project->graph).status(), {"268,435,456"}));
}

TEST(Project, WrongReferencesAreRefused)
{
    expectRefused("/nodes/1/id", "input_1", {"nodes[1].id", "input_1", "nodes[0]", "once"});
    expectRefused("/edges/0/to", "nobody", {"edges[0].to", "nobody", "no such node"});
    expectRefused("/edges/0/from", "nobody", {"edges[0].from", "nobody", "no such node"});
    expectRefused("/edges/0/to_port", 1, {"edges[0]", "input port 1", "conv2d_1"});
    expectRefused("/edges/0/from_port", 3, {"edges[0]", "output port 3", "input_1"});
    expectRefused("/edges/1/to", "conv2d_1", {"edges[1]", "edges[0]", "one connection"});
    expectRefused("/groups/0/nodes/0", "nobody", {"groups[0].nodes[0]", "nobody"});
    expectRefused("/groups/0/nodes/0", "dense_1", {"groups[0].nodes[1]", "dense_1"});
    expectRefused("/groups/1", {{"id", "g"}, {"nodes", {"dense_1"}}},
        {"groups[1].nodes[0]", "dense_1", "\"group_1\"", "one block"});
    expectRefused("/groups/0/repeat", 2.5, {"groups[0].repeat", "between 1 and 64"});
    expectRefused("/groups/0/collapsed", "yes", {"groups[0].collapsed", "true or false"});
    expectRefused("/groups/1", {{"id", "group_1"}, {"nodes", json::array()}}, {"groups[1].id", "once"});
}

TEST(Project, CyclesAreRefused)
{
    json document = goodDocument();
    document["edges"][0]["from"] = "dense_1";
    EXPECT_TRUE(
        failsWith(parseProject(document.dump(), "x"), {"edges", "circle: conv2d_1 → flatten_1 → dense_1"}));
}

TEST(Project, AnUnfinishedDrawingLoads)
{
    json document = goodDocument();
    document["edges"] = json::array();
    const auto project = parseProject(document.dump(), "x");
    ASSERT_TRUE(succeeded(project));
    EXPECT_FALSE(graph::analyse(project->graph).valid());
}

TEST(Project, SavesAndLoads)
{
    const test::TempFolder folder;
    const auto path = folder / "p.gradloom.json";
    ASSERT_TRUE(succeeded(saveProject(test::smallProject(), path)));
    const auto project = loadProject(path);
    ASSERT_TRUE(succeeded(project));
    EXPECT_TRUE(*project == test::smallProject());
    EXPECT_EQ(folder.fileCount(), 1u);
    EXPECT_TRUE(failsWith(loadProject(folder / "none.json"), {"none.json", "does not exist"}));
    EXPECT_TRUE(failsWith(loadProject(folder.path()), {"folder"}));
    EXPECT_TRUE(failsWith(saveProject({}, folder / "no" / "p.json"), {"p.json"}));
}

TEST(Project, WhatCouldNotBeReadBackIsNotWritten)
{
    const test::TempFolder folder;
    const auto path = folder / "p.gradloom.json";
    ASSERT_TRUE(succeeded(saveProject(test::smallProject(), path)));
    const std::string before = test::readBytes(path);
    Project project = test::smallProject();
    project.name.assign(1 << 20, 'n');
    EXPECT_TRUE(failsWith(saveProject(project, path), {"not saved", "name"}));
    project = test::smallProject();
    project.graph.find("dense_1")->params.set("l2", std::nan(""));
    EXPECT_TRUE(failsWith(saveProject(project, path), {"not saved", "l2"}));
    EXPECT_EQ(test::readBytes(path), before);
}

TEST(Project, AReadOnlyFolderIsNamed)
{
    const test::TempFolder folder;
    ::chmod(folder.path().c_str(), 0555);
    const test::Unprivileged nobody;
    EXPECT_TRUE(failsWith(saveProject({}, folder / "p.json"), {"p.json", "not permitted"}));
}

} // namespace
} // namespace gradloom::project
