#include "engine/graph/ports.h"
#include "tests/engine/graph_test_util.h"
#include "tests/engine/test_util.h"

#include <gtest/gtest.h>

namespace gradloom::graph {
namespace {

using test::node;

std::vector<std::string> orderOf(const Graph& graph)
{
    std::vector<std::string> ids;
    for (size_t index : topologicalOrder(graph))
        ids.push_back(graph.nodes[index].id);
    return ids;
}

TEST(Graph, FindsNodesAndEdges)
{
    Graph graph = test::smallCnn();
    EXPECT_EQ(graph.find("dense_1")->type, "dense");
    EXPECT_EQ(graph.find("dense_2"), nullptr);
    EXPECT_EQ(graph.edgeInto("dense_1", 0)->from, "flatten_1");
    EXPECT_EQ(graph.edgeInto("dense_1", 1), nullptr);
    EXPECT_EQ(graph.edgeInto("input_1", 0), nullptr);
    EXPECT_TRUE(graph.isUsed("dense_1"));
    EXPECT_FALSE(graph.isUsed("cross_entropy_1"));
}

TEST(Graph, FreshIdsTakeTheSmallestFreeNumber)
{
    Graph graph;
    EXPECT_EQ(graph.freshId("dense"), "dense_1");
    graph.nodes = {node("dense_1", "dense"), node("dense_3", "dense"), node("conv2d_2", "conv2d")};
    EXPECT_EQ(graph.freshId("dense"), "dense_2");
    EXPECT_EQ(graph.freshId("conv2d"), "conv2d_1");
}

TEST(Graph, OrderGoesForwardAndKeepsCreationOtherwise)
{
    Graph graph;
    for (const char* id : {"e", "d", "c", "b", "a"})
        graph.nodes.push_back(node(id, "relu"));
    EXPECT_EQ(orderOf(graph), (std::vector<std::string>{"e", "d", "c", "b", "a"}));
    graph.edges = {{"a", 0, "e", 0}, {"a", 0, "c", 0}, {"nobody", 0, "a", 0}};
    EXPECT_EQ(orderOf(graph), (std::vector<std::string>{"d", "b", "a", "e", "c"}));
}

TEST(Graph, CyclesAreLeftOutOfTheOrderAndFound)
{
    Graph graph = test::chain({node("a", "relu"), node("b", "relu"), node("c", "relu"), node("d", "relu")});
    EXPECT_TRUE(findCycle(graph).empty());
    graph.edges.push_back({"c", 0, "b", 1});
    EXPECT_EQ(orderOf(graph), (std::vector<std::string>{"a"}));
    const auto cycle = findCycle(graph);
    ASSERT_EQ(cycle.size(), 2u);
    EXPECT_EQ(cycle[0], (Edge{"b", 0, "c", 0}));
    EXPECT_EQ(cycle[1], (Edge{"c", 0, "b", 1}));

    graph.edges = {{"d", 0, "d", 0}};
    EXPECT_EQ(findCycle(graph), graph.edges);
}

TEST(Graph, ReachesAlongEdgesOnly)
{
    const Graph graph = test::smallCnn();
    EXPECT_TRUE(reaches(graph, "input_1", "cross_entropy_1"));
    EXPECT_TRUE(reaches(graph, "dense_1", "dense_1"));
    EXPECT_FALSE(reaches(graph, "dense_1", "input_1"));
    EXPECT_FALSE(reaches(graph, "dense_1", "nobody"));
}

TEST(Graph, ALongChainNeedsNoDeepStack)
{
    std::vector<Node> nodes;
    for (int i = 0; i < 100000; ++i)
        nodes.push_back(node("n" + std::to_string(i), "relu"));
    const Graph graph = test::chain(std::move(nodes));
    EXPECT_EQ(topologicalOrder(graph).size(), 100000u);
    EXPECT_TRUE(findCycle(graph).empty());
    EXPECT_TRUE(reaches(graph, "n0", "n99999"));
}

TEST(Graph, IdsAreNamesOfWeightsAndFiles)
{
    for (const char* good : {"a", "conv2d_1", "Kopf-2", "0"})
        EXPECT_TRUE(checkId(good)) << good;
    for (const std::string bad : {"", "a b", "a.b", "a/b", "..", "é", "a\n"})
        EXPECT_FALSE(checkId(bad)) << bad;
    EXPECT_TRUE(checkId(std::string(64, 'a')));
    EXPECT_FALSE(checkId(std::string(65, 'a')));
}

TEST(Ports, LayersWithAnyNumberOfInputsOfferOneMore)
{
    Graph graph = test::chain({node("a", "relu")});
    graph.nodes.push_back(node("add_1", "add"));
    const Node& add = graph.nodes[1];
    EXPECT_EQ(inputPorts(graph, add), 2);
    graph.edges = {{"a", 0, "add_1", 0}};
    EXPECT_EQ(inputPorts(graph, add), 2);
    graph.edges.push_back({"a", 0, "add_1", 1});
    EXPECT_EQ(inputPorts(graph, add), 3);
    graph.edges.push_back({"a", 0, "add_1", 5});
    EXPECT_EQ(inputPorts(graph, add), 7);
    EXPECT_EQ(inputEdges(graph, add).size(), 3u);
    graph.edges.push_back({"a", 0, "add_1", maxInputs - 1});
    EXPECT_EQ(inputPorts(graph, add), maxInputs);
}

TEST(Ports, InputEdgesComeInTheOrderOfPorts)
{
    Graph graph = test::smallCnn();
    graph.nodes.push_back(node("add_1", "add"));
    graph.edges = {
        {"dense_1", 0, "add_1", 2}, {"conv2d_1", 0, "add_1", 0}, {"dense_1", 0, "cross_entropy_1", 0}};
    const auto added = inputEdges(graph, *graph.find("add_1"));
    ASSERT_EQ(added.size(), 2u);
    EXPECT_EQ(added[0]->from, "conv2d_1");
    EXPECT_EQ(added[1]->from, "dense_1");
    const auto loss = inputEdges(graph, *graph.find("cross_entropy_1"));
    ASSERT_EQ(loss.size(), 3u);
    EXPECT_EQ(loss[0]->from, "dense_1");
    EXPECT_EQ(loss[1], nullptr);
}

TEST(Ports, OptionsAreCheckedWithTheirShapes)
{
    const auto& input = *layers::layerTypes().find("input");
    const std::vector<int64_t> huge(5, 1 << 24);
    EXPECT_TRUE(test::failsWith(completeOptions(input, {{"shape", huge}}, "input_1"), {"input_1", "2^40"}));
    EXPECT_TRUE(
        test::failsWith(completeOptions(input, {{"colour", true}}, "input_1"), {"input_1", "colour"}));
    const auto& dense = *layers::layerTypes().find("dense");
    const auto params = completeOptions(dense, {{"l2", int64_t{1}}}, "dense_1");
    ASSERT_TRUE(test::succeeded(params));
    EXPECT_EQ(params->real("l2"), 1.0);
    EXPECT_EQ(params->integer("units"), 64);
}

} // namespace
} // namespace gradloom::graph
