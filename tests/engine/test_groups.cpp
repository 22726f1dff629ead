#include "engine/explain/method_type.h"
#include "engine/graph/analysis.h"
#include "engine/graph/expand.h"
#include "engine/graph/group_edits.h"
#include "engine/train/blame.h"
#include "tests/engine/graph_test_util.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

namespace gradloom::graph {
namespace {

using test::chain;
using test::failsWith;
using test::node;
using test::succeeded;

using Size = std::vector<int64_t>;

Node conv(std::string id, int64_t filters = 3, std::string padding = "same")
{
    return node(std::move(id), "conv2d",
        {{"filters", filters}, {"kernel", Size{3, 3}}, {"padding", std::move(padding)}});
}

/// Input, Conv2D, a residual block repeated, then a head: 16×16 pictures of ten shapes.
Graph residual(int repeat)
{
    Graph graph;
    graph.nodes = {node("in", "input", {{"shape", Size{16, 16, 1}}}), conv("stem"), conv("a"),
        node("norm", "batch_norm", {{"activation", std::string("relu")}}), conv("b"), node("sum", "add"),
        node("relu", "relu"), node("pool", "global_avg_pool2d"),
        node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")};
    graph.edges = {{"in", 0, "stem", 0}, {"stem", 0, "a", 0}, {"a", 0, "norm", 0}, {"norm", 0, "b", 0},
        {"b", 0, "sum", 0}, {"stem", 0, "sum", 1}, {"sum", 0, "relu", 0}, {"relu", 0, "pool", 0},
        {"pool", 0, "scores", 0}, {"scores", 0, "loss", 0}};
    graph.groups = {{"block", "Residual", {"a", "norm", "b", "sum", "relu"}, repeat, false}};
    return graph;
}

/// The same with two blocks drawn one behind the other by hand.
Graph residualTwiceByHand()
{
    Graph graph;
    graph.nodes = {node("in", "input", {{"shape", Size{16, 16, 1}}}), conv("stem"), conv("a"),
        node("norm", "batch_norm", {{"activation", std::string("relu")}}), conv("b"), node("sum", "add"),
        node("relu", "relu"), conv("a-2"),
        node("norm-2", "batch_norm", {{"activation", std::string("relu")}}), conv("b-2"),
        node("sum-2", "add"), node("relu-2", "relu"), node("pool", "global_avg_pool2d"),
        node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")};
    graph.edges = {{"in", 0, "stem", 0}, {"stem", 0, "a", 0}, {"a", 0, "norm", 0}, {"norm", 0, "b", 0},
        {"b", 0, "sum", 0}, {"stem", 0, "sum", 1}, {"sum", 0, "relu", 0}, {"relu", 0, "a-2", 0},
        {"a-2", 0, "norm-2", 0}, {"norm-2", 0, "b-2", 0}, {"b-2", 0, "sum-2", 0}, {"relu", 0, "sum-2", 1},
        {"sum-2", 0, "relu-2", 0}, {"relu-2", 0, "pool", 0}, {"pool", 0, "scores", 0},
        {"scores", 0, "loss", 0}};
    return graph;
}

const Problem& onlyProblem(const Analysis& analysis)
{
    static const Problem none;
    EXPECT_EQ(analysis.problems.size(), 1u);
    for (const Problem& problem : analysis.problems)
        EXPECT_EQ(problem.message.back(), '.') << problem.message;
    return analysis.problems.empty() ? none : analysis.problems[0];
}

void expectGroupFault(const Graph& graph, std::initializer_list<std::string_view> parts)
{
    const Analysis analysis = analyse(graph);
    const Problem* problem = analysis.problemOfGroup("block");
    ASSERT_TRUE(problem);
    for (std::string_view part : parts)
        EXPECT_NE(problem->message.find(part), std::string::npos) << problem->message << " lacks " << part;
    EXPECT_TRUE(problem->node.empty());
    EXPECT_FALSE(analysis.valid());
    ASSERT_EQ(problem->proposals.size(), 1u);
    Graph mended = graph;
    ASSERT_TRUE(succeeded(apply(mended, problem->proposals[0].edit)));
    EXPECT_FALSE(analyse(mended).problemOfGroup("block"));
}

TEST(Groups, ARepeatedBlockIsTheDrawnOutNetwork)
{
    const Analysis repeated = analyse(residual(2));
    const Analysis byHand = analyse(residualTwiceByHand());
    EXPECT_TRUE(repeated.problems.empty());
    EXPECT_EQ(repeated.parameters, byHand.parameters);
    EXPECT_EQ(repeated.trainable, byHand.trainable);
    EXPECT_EQ(repeated.flops, byHand.flops);
    EXPECT_EQ(repeated.nodes.size(), 10u);
    EXPECT_EQ(repeated.expandedNodes.size(), 15u);
    EXPECT_TRUE(repeated.expanded.groups.empty());
    for (const Edge& edge : residualTwiceByHand().edges)
        EXPECT_EQ(std::count(repeated.expanded.edges.begin(), repeated.expanded.edges.end(), edge), 1)
            << edge.from << " " << edge.to;
    EXPECT_EQ(repeated.expanded.edges.size(), residualTwiceByHand().edges.size());
}

TEST(Groups, ARepeatedBlockLearnsAsTheDrawnOutNetwork)
{
    project::Project project = train_test::smallProject();
    project.data.source = {
        "shapes", {{"training", int64_t{130}}, {"test", int64_t{40}}, {"size", int64_t{16}}}};
    const test::TempFolder folder;
    train::SessionOptions options;
    std::vector<double> losses;
    for (const bool byHand : {false, true}) {
        project.graph = byHand ? residualTwiceByHand() : residual(2);
        options.outDir = folder / (byHand ? "hand" : "repeated");
        options.data = train_test::dataOf(project);
        const auto result = train_test::trained(project, options);
        ASSERT_FALSE(result.error) << result.error->message;
        losses.push_back(result.epochs.back().trainLoss);
    }
    EXPECT_EQ(losses[0], losses[1]);
    const auto weights = train_test::weightsIn(folder / "repeated/weights.safetensors");
    EXPECT_TRUE(weights.contains("a-2.weight"));
    EXPECT_TRUE(train_test::sameBits(weights, train_test::weightsIn(folder / "hand/weights.safetensors")));
}

TEST(Groups, ANodeInARepeatedBlockCountsForAllRepetitions)
{
    const Analysis once = analyse(residual(1));
    const Analysis thrice = analyse(residual(3));
    EXPECT_EQ(thrice.nodes.at("a").parameters, 3 * once.nodes.at("a").parameters);
    EXPECT_EQ(thrice.nodes.at("a").flops, 3 * once.nodes.at("a").flops);
    EXPECT_EQ(thrice.nodes.at("a").repeat, 3);
    EXPECT_EQ(thrice.nodes.at("stem").repeat, 1);
    EXPECT_EQ(thrice.nodes.at("a").outputs, once.nodes.at("a").outputs);
    int64_t sum = 0;
    for (const auto& [id, info] : thrice.nodes)
        sum += info.parameters;
    EXPECT_EQ(sum, thrice.parameters);
}

TEST(Groups, BlocksOneBehindTheOtherAreChained)
{
    Graph graph =
        chain({node("in", "input", {{"shape", Size{4}}}), node("a", "dense", {{"units", int64_t{4}}}),
            node("b", "dense", {{"units", int64_t{4}}}), node("c", "dense", {{"units", int64_t{2}}})});
    graph.groups = {{"second", "", {"b"}, 3, false}, {"first", "", {"a"}, 2, false}};
    const Graph expanded = expand(graph).graph;
    ASSERT_EQ(expanded.nodes.size(), 7u);
    EXPECT_EQ(expanded.edgeInto("a-2", 0)->from, "a");
    EXPECT_EQ(expanded.edgeInto("b", 0)->from, "a-2");
    EXPECT_EQ(expanded.edgeInto("b-2", 0)->from, "b");
    EXPECT_EQ(expanded.edgeInto("b-3", 0)->from, "b-2");
    EXPECT_EQ(expanded.edgeInto("c", 0)->from, "b-3");
}

TEST(Groups, ABlockThatEndsTheDrawingHasItsOpenEndAsResult)
{
    Graph graph =
        chain({node("in", "input", {{"shape", Size{4}}}), node("a", "dense", {{"units", int64_t{4}}})});
    graph.groups = {{"block", "", {"a"}, 2, false}};
    EXPECT_EQ(expand(graph).graph.edgeInto("a-2", 0)->from, "a");
}

TEST(Groups, ResultsAtOptionalPortsGoToEveryRepetition)
{
    // Each repetition is judged by a loss of its own against the same target.
    Graph graph =
        chain({node("in", "input", {{"shape", Size{4}}}), node("a", "dense", {{"units", int64_t{4}}}),
            node("b", "dense", {{"units", int64_t{4}}}), node("loss", "cross_entropy")});
    graph.nodes.push_back(node("aside", "mse"));
    graph.edges.push_back({"b", 0, "aside", 0});
    graph.edges.push_back({"in", 0, "aside", 1});
    graph.groups = {{"block", "", {"b", "aside"}, 2, false}};
    const Expansion expansion = expand(graph);
    ASSERT_TRUE(expansion.faults.empty()) << expansion.faults[0].message;
    EXPECT_EQ(expansion.graph.edgeInto("aside-2", 0)->from, "b-2");
    EXPECT_EQ(expansion.graph.edgeInto("aside-2", 1)->from, "in");
    EXPECT_EQ(expansion.graph.edgeInto("b-2", 0)->from, "b");
    EXPECT_EQ(expansion.graph.edgeInto("loss", 0)->from, "b-2");
}

TEST(Groups, AMaskGoesToEveryRepetition)
{
    Graph graph = chain({node("in", "input", {{"shape", Size{6}}, {"kind", std::string("tokens")}}),
        node("embed", "embedding", {{"vocabulary", int64_t{20}}, {"size", int64_t{8}}}),
        node("encode", "transformer_encoder", {{"heads", int64_t{2}}, {"feed_forward", int64_t{16}}}),
        node("pool", "global_avg_pool1d"), node("scores", "dense", {{"units", int64_t{2}}}),
        node("loss", "cross_entropy")});
    graph.edges.push_back({"embed", 1, "encode", 1});
    graph.edges.push_back({"embed", 1, "pool", 1});
    const Analysis once = analyse(graph);
    graph.groups = {{"block", "Encoder", {"encode"}, 3, false}};
    const Analysis thrice = analyse(graph);
    EXPECT_TRUE(thrice.problems.empty()) << thrice.problems[0].message;
    EXPECT_EQ(thrice.parameters - once.parameters, 2 * once.nodes.at("encode").parameters);
    EXPECT_EQ(thrice.expanded.edgeInto("encode-3", 1)->from, "embed");
    EXPECT_EQ(thrice.expanded.edgeInto("encode-3", 1)->fromPort, 1);
    EXPECT_EQ(thrice.expanded.edgeInto("encode-3", 0)->from, "encode-2");
    EXPECT_EQ(thrice.expanded.edgeInto("pool", 1)->from, "embed");
}

TEST(Groups, WhatKeepsABlockFromBeingRepeatedIsSaidAtTheGroup)
{
    Graph graph = residual(2);
    graph.groups[0].nodes = {"in", "stem"};
    expectGroupFault(graph, {"\"Residual\"", "Input in", "Take it out"});

    graph = residual(2);
    std::erase_if(graph.edges, [](const Edge& edge) { return edge.from == "stem"; });
    expectGroupFault(graph, {"\"Residual\"", "nothing enters"});

    graph = residual(2);
    graph.groups[0].nodes = {"b", "sum", "relu"};
    expectGroupFault(graph, {"2 results enter", "norm and stem"});

    graph = residual(2);
    graph.groups[0].nodes = {"stem", "a"};
    expectGroupFault(graph, {"2 results leave", "a and stem"});

    graph = residual(2);
    graph.groups[0].nodes = {"loss"};
    expectGroupFault(graph, {"no result to pass on"});

    graph = residual(2);
    ASSERT_TRUE(succeeded(apply(graph, {RenameNode{"pool", "norm-2"}, "", false})));
    expectGroupFault(graph, {"norm-2", "Rename"});
}

TEST(Groups, TheExpandedDrawingIsBounded)
{
    std::vector<Node> nodes{node("in", "input", {{"shape", Size{4}}})};
    Group group{"block", "Long", {}, 64, false};
    for (int i = 0; i < 70; ++i) {
        nodes.push_back(node("relu_" + std::to_string(i), "relu"));
        group.nodes.push_back(nodes.back().id);
    }
    Graph graph = chain(std::move(nodes));
    graph.groups = {group};
    expectGroupFault(graph, {"\"Long\"", "64", "4000", "less often"});
    graph.groups[0].repeat = 50;
    EXPECT_EQ(expand(graph).graph.nodes.size(), 3501u);
}

TEST(Groups, DrawingsMadeWrongAreExpandedWithoutHarm)
{
    Graph graph = residual(2);
    graph.groups[0].nodes.push_back("nobody");
    graph.groups[0].nodes.push_back("a");
    graph.groups.push_back({"empty", "", {}, 5, false});
    graph.edges.push_back({"relu", 0, "nobody", 0});
    graph.nodes.push_back(node("odd", "no_such_layer"));
    const Graph expanded = expand(graph).graph;
    EXPECT_EQ(expanded.nodes.size(), 16u);
    EXPECT_EQ(std::count_if(expanded.nodes.begin(), expanded.nodes.end(),
                  [](const Node& node) { return node.id == "a-2"; }),
        1);
    EXPECT_FALSE(analyse(graph).valid());
}

TEST(Groups, AFaultInARepetitionIsReportedAtTheDrawnNode)
{
    Graph graph = chain({node("in", "input", {{"shape", Size{8, 8, 1}}}), conv("a", 2, "valid")});
    graph.groups = {{"block", "Shrink", {"a"}, 4, false}}; // 6, 4, 2, and then the kernel is too large
    Analysis analysis = analyse(graph);
    const Problem* problem = analysis.problemOf("a");
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->message.rfind("In repetition 4 of \"Shrink\": ", 0), 0u) << problem->message;
    EXPECT_EQ(problem->message.find("a-4"), std::string::npos) << problem->message;
    EXPECT_EQ(analysis.status().error().node, "a");
    ASSERT_EQ(problem->proposals.size(), 1u);
    ASSERT_TRUE(succeeded(apply(graph, problem->proposals[0].edit)));
    EXPECT_FALSE(analyse(graph).problemOf("a"));

    // What is wrong in the first repetition is told once, with the layer's own repairs.
    graph = chain(
        {node("in", "input", {{"shape", Size{8, 8, 1}}}), node("a", "dense"), node("loss", "cross_entropy")});
    graph.find("a")->params.set("units", int64_t{0});
    graph.groups = {{"block", "Twice", {"a"}, 2, false}};
    EXPECT_EQ(onlyProblem(analyse(graph)).node, "a");
    EXPECT_EQ(onlyProblem(analyse(graph)).message.find("repetition"), std::string::npos);
}

TEST(Groups, CopiesAreTracedBackToTheirNode)
{
    Graph graph = residual(3);
    EXPECT_EQ(originOf(graph, "a").repetition, 1);
    EXPECT_EQ(originOf(graph, "a-3").node, "a");
    EXPECT_EQ(originOf(graph, "a-3").repetition, 3);
    for (const char* other : {"a-4", "a-1", "a-03", "a-", "stem-2", "nobody", "a-2x", "-2"}) {
        EXPECT_EQ(originOf(graph, other).node, other);
        EXPECT_EQ(originOf(graph, other).repetition, 1);
    }
    EXPECT_EQ(nameOf(graph, "a"), "a");
    EXPECT_EQ(nameOf(graph, "a-2"), "a, repetition 2 of \"Residual\"");
    for (const Node& copy : expand(graph).graph.nodes)
        EXPECT_TRUE(graph.find(originOf(graph, copy.id).node)) << copy.id;
}

TEST(Groups, ExplainSeesEveryRepetition)
{
    const Graph graph = residual(2);
    const auto layers = explain::convolutionalNodes(graph, {});
    EXPECT_EQ(std::count(layers.begin(), layers.end(), "b-2"), 1);
    EXPECT_EQ(explain::defaultLayer(graph, {}), "b-2");
    auto model = train_test::modelOf(graph);
    ASSERT_TRUE(model);
    explain::Question question;
    question.sample = Tensor(Shape{16, 16, 1});
    question.layer = "b-2";
    const auto answer = explain::methodTypes().find("gradcam")->explain(*model, question);
    ASSERT_TRUE(succeeded(answer));
    EXPECT_EQ(answer->layer, "b-2");
}

TEST(Groups, TheRepetitionThatGaveNaNIsFound)
{
    auto model = train_test::modelOf(residual(3));
    ASSERT_TRUE(model);
    auto weights = model->weights();
    weights.at("b-2.bias").floats()[0] = std::numeric_limits<float>::quiet_NaN();
    ASSERT_TRUE(succeeded(model->setWeights(weights)));
    project::Project project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    data::Batch batch(*data->split.test.dataset, 4);
    data::fillBatch(data->split.test, 0, data->preprocess, batch);
    const std::array<int32_t, 4> random{};
    const auto guilty = train::firstNonFinite(*model, {batch, random, false});
    ASSERT_TRUE(succeeded(guilty));
    EXPECT_EQ(*guilty, "b-2");
}

/// Applies an edit, takes it back and does it again.
Graph reversibly(Graph graph, const GraphEdit& edit)
{
    const Graph before = graph;
    auto undo = apply(graph, edit);
    EXPECT_TRUE(succeeded(undo));
    const Graph after = graph;
    EXPECT_FALSE(after == before);
    auto redo = apply(graph, *undo);
    EXPECT_TRUE(succeeded(redo));
    EXPECT_TRUE(graph == before);
    EXPECT_TRUE(succeeded(apply(graph, *redo)));
    EXPECT_TRUE(graph == after);
    return after;
}

TEST(GroupEdits, AreTakenBackExactly)
{
    const Graph start = test::smallCnn();
    Graph graph = reversibly(start, groupNodes(start, {"conv2d_1", "flatten_1"}, "Features", "Group"));
    EXPECT_TRUE(graph.groups[0] == (Group{"group_1", "Features", {"conv2d_1", "flatten_1"}}));

    // A node is in one group: the new one takes it from the old one.
    graph = reversibly(graph, groupNodes(graph, {"flatten_1", "dense_1"}, "Head", "Group"));
    ASSERT_EQ(graph.groups.size(), 2u);
    EXPECT_EQ(graph.groups[0].nodes, std::vector<std::string>{"conv2d_1"});
    EXPECT_EQ(graph.groups[1].id, "group_2");
    EXPECT_EQ(graph.groupOf("flatten_1"), &graph.groups[1]);
    EXPECT_EQ(graph.groupOf("input_1"), nullptr);

    Group changed = graph.groups[0];
    changed.title = "Edges";
    graph = reversibly(graph, changeGroup(graph, changed, "Rename"));
    changed.repeat = 3;
    graph = reversibly(graph, changeGroup(graph, changed, "Repeat"));
    changed.collapsed = true;
    graph = reversibly(graph, changeGroup(graph, changed, "Collapse"));
    EXPECT_TRUE(*graph.findGroup("group_1") == (Group{"group_1", "Edges", {"conv2d_1"}, 3, true}));

    graph = reversibly(graph, moveToGroup(graph, {"dense_1", "conv2d_1"}, "group_1", "Move in"));
    EXPECT_EQ(graph.groups[0].nodes, (std::vector<std::string>{"conv2d_1", "dense_1"}));
    graph = reversibly(graph, moveToGroup(graph, {"dense_1"}, "", "Move out"));
    EXPECT_EQ(graph.groups[0].nodes, std::vector<std::string>{"conv2d_1"});
    const Graph emptied = reversibly(graph, moveToGroup(graph, {"flatten_1"}, "", "Move out"));
    EXPECT_EQ(emptied.groups.size(), 1u);

    graph = reversibly(graph, {RemoveNode{"conv2d_1"}, "Remove", false});
    EXPECT_EQ(graph.groups.size(), 1u);
    graph = reversibly(graph, {RenameNode{"flatten_1", "flat"}, "Rename", false});
    EXPECT_EQ(graph.groups[0].nodes, std::vector<std::string>{"flat"});
    graph = reversibly(graph, ungroup(graph, {"group_2"}, "Ungroup"));
    EXPECT_TRUE(graph.groups.empty());
}

TEST(GroupEdits, WrongGroupsAreRefusedWithTheReason)
{
    const Graph graph = test::smallCnn();
    const auto refused = [&](const Group& group, std::initializer_list<std::string_view> parts) {
        Graph copy = graph;
        EXPECT_TRUE(failsWith(apply(copy, {SetGroups{{group}}, "", false}), parts));
        EXPECT_TRUE(copy == graph);
    };
    refused({"a b", "", {}}, {"a b"});
    refused({"g", std::string(201, 't'), {}}, {"title", "200", "201"});
    refused({"g", "", {"dense_1"}, 0, false}, {"1 to 64", "0"});
    refused({"g", "", {"dense_1"}, 65, false}, {"1 to 64", "65"});
    Graph copy = graph;
    const SetGroups both{{{"g", "", {"dense_1"}}, {"h", "", {"dense_1"}}}};
    EXPECT_TRUE(failsWith(apply(copy, {both, "", false}), {"dense_1", "two blocks", "\"g\"", "\"h\""}));
}

} // namespace
} // namespace gradloom::graph
