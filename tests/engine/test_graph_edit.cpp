#include "engine/base/philox.h"
#include "engine/graph/compose.h"
#include "engine/graph/ports.h"
#include "tests/engine/graph_test_util.h"
#include "tests/engine/test_util.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradloom::graph {
namespace {

using test::failsWith;
using test::node;
using test::succeeded;

/// Applies an edit, takes it back and does it again; the drawing must be the same both times.
void expectReversible(Graph graph, const GraphEdit& edit)
{
    const Graph before = graph;
    auto undo = apply(graph, edit);
    ASSERT_TRUE(succeeded(undo));
    const Graph after = graph;
    auto redo = apply(graph, *undo);
    ASSERT_TRUE(succeeded(redo));
    EXPECT_EQ(test::textOf(graph), test::textOf(before));
    EXPECT_TRUE(graph == before);
    ASSERT_TRUE(succeeded(apply(graph, *redo)));
    EXPECT_TRUE(graph == after);
    EXPECT_EQ(undo->title, edit.title);
    EXPECT_EQ(redo->title, edit.title);
}

void expectRefused(
    const Graph& before, GraphEdit::Change change, std::initializer_list<std::string_view> parts)
{
    Graph graph = before;
    EXPECT_TRUE(failsWith(apply(graph, {std::move(change), "", false}), parts));
    EXPECT_TRUE(graph == before);
}

Graph withGroups()
{
    Graph graph = test::smallCnn();
    graph.groups = {{"a", "Both", {"dense_1", "conv2d_1"}, 2, true}, {"b", "One", {"flatten_1"}}};
    return graph;
}

TEST(GraphEdit, EveryKindIsTakenBackExactly)
{
    const Graph graph = withGroups();
    expectReversible(graph, {AddNode{node("dense_2", "dense")}, "Add Dense", false});
    expectReversible(graph, {AddNode{node("dense_2", "dense"), 1}, "Add Dense", false});
    expectReversible(graph, {RemoveNode{"flatten_1"}, "Remove Flatten", false});
    expectReversible(graph, {RemoveNode{"input_1"}, "Remove Input", false});
    expectReversible(graph, {MoveNode{"dense_1", {5, -7.5}}, "Move", false});
    expectReversible(graph, {RenameNode{"dense_1", "head"}, "Rename", false});
    expectReversible(graph, {SetParameter{"dense_1", "units", int64_t{3}}, "Units", false});
    expectReversible(graph, {SetParameter{"dense_1", "l2", 0.5}, "L2", false});
    expectReversible(graph, {SetParameter{"dense_1", "units", {}, true}, "Reset", false});
    expectReversible(graph, {AddEdge{{"conv2d_1", 0, "dense_1", 0}}, "Connect", false});
    expectReversible(graph, {AddEdge{{"input_1", 0, "cross_entropy_1", 1}, 0}, "Connect", false});
    expectReversible(graph, {RemoveEdge{{"input_1", 0, "conv2d_1", 0}}, "Disconnect", false});
    expectReversible(graph, {SetGroups{{{"c", "New", {"input_1"}, 3, true}}}, "Group", false});
    expectReversible(graph, removeNodes({"conv2d_1", "flatten_1", "dense_1"}, "Remove"));
}

TEST(GraphEdit, RemovingANodeTakesItsEdgesAndItsPlaceInGroups)
{
    Graph graph = withGroups();
    ASSERT_TRUE(succeeded(apply(graph, {RemoveNode{"flatten_1"}, "", false})));
    EXPECT_EQ(graph.edges.size(), 2u);
    ASSERT_EQ(graph.groups.size(), 1u); // the other one is left empty and goes
    ASSERT_TRUE(succeeded(apply(graph, {RemoveNode{"conv2d_1"}, "", false})));
    ASSERT_EQ(graph.groups.size(), 1u);
    EXPECT_EQ(graph.groups[0].nodes, std::vector<std::string>{"dense_1"});
}

TEST(GraphEdit, RenamingReachesEdgesAndGroups)
{
    Graph graph = withGroups();
    ASSERT_TRUE(succeeded(apply(graph, {RenameNode{"flatten_1", "flat"}, "", false})));
    EXPECT_EQ(graph.edgeInto("flat", 0)->from, "conv2d_1");
    EXPECT_EQ(graph.edgeInto("dense_1", 0)->from, "flat");
    EXPECT_EQ(graph.groups[1].nodes, std::vector<std::string>{"flat"});
}

TEST(GraphEdit, AnEdgeIntoAnOccupiedPortReplacesTheOldOne)
{
    Graph graph = test::smallCnn();
    ASSERT_TRUE(succeeded(apply(graph, {AddEdge{{"conv2d_1", 0, "dense_1", 0}}, "", false})));
    EXPECT_EQ(graph.edges.size(), 4u);
    EXPECT_EQ(graph.edgeInto("dense_1", 0)->from, "conv2d_1");
}

TEST(GraphEdit, OptionsAreKeptInTheirDeclaredForm)
{
    Graph graph = test::smallCnn();
    ASSERT_TRUE(succeeded(apply(graph, {SetParameter{"dense_1", "l2", int64_t{1}}, "", false})));
    EXPECT_EQ(*graph.find("dense_1")->params.find("l2"), ParamValue(1.0));
    ASSERT_TRUE(succeeded(apply(graph, {AddNode{node("d", "dense", {{"l2", int64_t{1}}})}, "", false})));
    EXPECT_EQ(*graph.find("d")->params.find("l2"), ParamValue(1.0));
}

TEST(GraphEdit, WrongEditsAreRefusedWithTheReason)
{
    const Graph graph = test::smallCnn();
    expectRefused(graph, AddNode{node("dense_1", "dense")}, {"already", "dense_1"});
    expectRefused(graph, AddNode{node("x", "no_such_layer")}, {"no_such_layer"});
    expectRefused(graph, AddNode{node("a.b", "dense")}, {"a.b"});
    expectRefused(graph, AddNode{node("d", "dense", {{"units", int64_t{0}}})}, {"Units", "0"});
    expectRefused(graph, AddNode{{"d", "dense", {}, {0, 1e300}}}, {"far away"});
    expectRefused(graph, AddNode{{"d", "dense", {}, {std::nan(""), 0}}}, {"far away"});
    expectRefused(graph, RemoveNode{"x"}, {"no node", "x"});
    expectRefused(graph, MoveNode{"x", {}}, {"no node", "x"});
    expectRefused(graph, MoveNode{"dense_1", {2e6, 0}}, {"far away"});
    expectRefused(graph, RenameNode{"x", "y"}, {"no node", "x"});
    expectRefused(graph, RenameNode{"dense_1", "input_1"}, {"already", "input_1"});
    expectRefused(graph, RenameNode{"dense_1", ""}, {"dense_1", "1 to 64"});
    expectRefused(graph, SetParameter{"dense_1", "unit", int64_t{1}}, {"dense_1", "unit"});
    expectRefused(graph, SetParameter{"dense_1", "units", std::string("many")}, {"dense_1", "Units"});
    expectRefused(graph, RemoveEdge{{"input_1", 0, "dense_1", 0}}, {"not connected"});
    expectRefused(graph, SetGroups{{{"a", "", {"x"}}}}, {"x"});
    expectRefused(graph, SetGroups{{{"a", "", {}}, {"a", "", {}}}}, {"two blocks"});
    expectRefused(graph, SetGroups{{{"a", "", {"dense_1", "dense_1"}}}}, {"twice"});
}

TEST(GraphEdit, WrongConnectionsAreRefusedWithTheReason)
{
    const Graph graph = test::smallCnn();
    auto refused = [&](Edge edge, std::initializer_list<std::string_view> parts) {
        EXPECT_TRUE(failsWith(canConnect(graph, edge), parts));
        expectRefused(graph, AddEdge{edge}, parts);
    };
    refused({"dense_1", 0, "conv2d_1", 0}, {"circle", "dense_1", "conv2d_1"});
    refused({"dense_1", 0, "dense_1", 0}, {"itself"});
    refused({"input_1", 0, "conv2d_1", 0}, {"already"});
    refused({"x", 0, "dense_1", 0}, {"no node", "x"});
    refused({"input_1", 0, "x", 0}, {"no node", "x"});
    refused({"input_1", 1, "dense_1", 0}, {"Input input_1", "no output port 2", "has 1"});
    refused({"input_1", -1, "dense_1", 0}, {"no output port"});
    refused({"input_1", 0, "dense_1", 1}, {"Dense dense_1", "no input port 2", "has 1"});
    refused({"cross_entropy_1", 0, "dense_1", 0}, {"no output"});
    refused({"dense_1", 0, "input_1", 0}, {"no input"});
    EXPECT_TRUE(succeeded(canConnect(graph, {"conv2d_1", 0, "dense_1", 0})));
    EXPECT_TRUE(succeeded(canConnect(graph, {"input_1", 0, "cross_entropy_1", 1})));
}

TEST(GraphEdit, AFailingCompositeLeavesNothingBehind)
{
    Composite edits;
    edits.edits = {{RemoveNode{"conv2d_1"}, "", false}, {AddNode{node("new", "relu"), 0}, "", false},
        {AddEdge{{"input_1", 0, "new", 0}, 0}, "", false}, {RemoveNode{"nobody"}, "", false}};
    expectRefused(withGroups(), edits, {"nobody"});
}

TEST(GraphEdit, UndoIsExactInADrawingMadeWrong)
{
    Graph graph = test::smallCnn();
    graph.edges.push_back({"dense_1", 0, "conv2d_1", 0});
    graph.find("dense_1")->params.set("nonsense", true);
    graph.nodes.push_back(node("odd", "no_such_layer"));
    expectReversible(graph, {RemoveNode{"conv2d_1"}, "", false});
    expectReversible(graph, {RemoveNode{"odd"}, "", false});
    expectReversible(graph, {SetParameter{"dense_1", "nonsense", {}, true}, "", false});
}

/// Draws edits that are sometimes wrong, as a person or a script might make them.
class RandomEdits
{
public:
    explicit RandomEdits(uint64_t seed) : m_random(seed) {}

    GraphEdit next(const Graph& graph, int depth = 0)
    {
        switch (m_random.below(depth < 2 ? 10 : 9)) {
        case 0:
        case 1:
            return {AddNode{node(graph.freshId("n"), type()), place(graph.nodes.size())}, "", false};
        case 2:
            return {RemoveNode{id(graph)}, "", false};
        case 3:
            return {MoveNode{id(graph), {m_random.normal() * 100, m_random.normal() * 100}}, "", false};
        case 4:
            return {RenameNode{id(graph), m_random.below(2) ? id(graph) : graph.freshId("r")}, "", false};
        case 5:
            return {SetParameter{id(graph), m_random.below(2) ? "units" : "filters",
                        int64_t{m_random.below(9)}, m_random.below(4) == 0},
                "", false};
        case 6:
        case 7: {
            const Edge edge{id(graph), 0, id(graph), static_cast<int>(m_random.below(3))};
            return {AddEdge{edge, place(graph.edges.size())}, "", false};
        }
        case 8:
            if (graph.edges.empty() || m_random.below(3) == 0)
                return {SetGroups{{{"g", "Some", {id(graph), id(graph)}, static_cast<int>(m_random.below(4)),
                                       m_random.below(2) == 0},
                            {"h", "", {id(graph)}}}},
                    "", false};
            return {RemoveEdge{graph.edges[m_random.below(static_cast<uint32_t>(graph.edges.size()))]}, "",
                false};
        default: {
            Composite edits;
            for (uint32_t i = m_random.below(5); i > 0; --i)
                edits.edits.push_back(next(graph, depth + 1));
            return {std::move(edits), "", false};
        }
        }
    }

private:
    std::string type()
    {
        static const char* const types[] = {"conv2d", "dense", "add", "relu", "mse", "input"};
        return types[m_random.below(6)];
    }
    std::string id(const Graph& graph)
    {
        if (graph.nodes.empty())
            return "nobody";
        return graph.nodes[m_random.below(static_cast<uint32_t>(graph.nodes.size()))].id;
    }
    size_t place(size_t count)
    {
        const uint32_t index = m_random.below(static_cast<uint32_t>(count) + 2);
        return index > count ? atEnd : index;
    }

    Random m_random;
};

TEST(GraphEdit, RandomSequencesAreUndoneAndRedoneExactly)
{
    int applied = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
        RandomEdits edits(seed);
        Graph graph = test::smallCnn();
        std::vector<Graph> history{graph};
        std::vector<GraphEdit> undos;
        for (int i = 0; i < 60; ++i) {
            auto undo = apply(graph, edits.next(graph));
            if (!undo) {
                ASSERT_TRUE(graph == history.back()) << undo.error().message;
                continue;
            }
            ++applied;
            ASSERT_TRUE(findCycle(graph).empty());
            undos.push_back(std::move(*undo));
            history.push_back(graph);
        }
        std::vector<GraphEdit> redos;
        for (size_t i = undos.size(); i-- > 0;) {
            auto redo = apply(graph, undos[i]);
            ASSERT_TRUE(succeeded(redo));
            ASSERT_EQ(test::textOf(graph), test::textOf(history[i])) << "seed " << seed << " step " << i;
            redos.push_back(std::move(*redo));
        }
        for (size_t i = 0; i < undos.size(); ++i) {
            ASSERT_TRUE(succeeded(apply(graph, redos[undos.size() - 1 - i])));
            ASSERT_TRUE(graph == history[i + 1]) << "seed " << seed << " step " << i;
        }
    }
    EXPECT_GT(applied, 800);
}

TEST(Compose, InsertingMakesRoomInTheRow)
{
    Graph graph = test::smallCnn();
    const auto edit = insertBefore(graph, "flatten_1", 0, "relu", {}, "Insert ReLU");
    expectReversible(graph, edit);
    const double x = graph.find("flatten_1")->position.x;
    ASSERT_TRUE(succeeded(apply(graph, edit)));
    EXPECT_EQ(graph.edgeInto("flatten_1", 0)->from, "relu_1");
    EXPECT_EQ(graph.edgeInto("relu_1", 0)->from, "conv2d_1");
    EXPECT_EQ(graph.find("relu_1")->position.x, x);
    EXPECT_EQ(graph.find("flatten_1")->position.x, x + columnWidth);
    EXPECT_EQ(graph.find("conv2d_1")->position.x, x - test::spacing);

    // Between distant nodes there is room already.
    ASSERT_TRUE(succeeded(apply(graph, {RemoveNode{"relu_1"}, "", false})));
    ASSERT_TRUE(succeeded(apply(graph, {AddEdge{{"conv2d_1", 0, "flatten_1", 0}}, "", false})));
    ASSERT_TRUE(succeeded(apply(graph, insertBefore(graph, "flatten_1", 0, "relu", {}, ""))));
    EXPECT_EQ(graph.find("flatten_1")->position.x, x + columnWidth);
}

TEST(Compose, InsertingBetweenNodesOfAGroupJoinsIt)
{
    Graph graph = test::smallCnn();
    graph.groups = {{"a", "", {"conv2d_1", "flatten_1"}}};
    const auto within = insertBefore(graph, "flatten_1", 0, "relu", {}, "Insert ReLU");
    expectReversible(graph, within);
    ASSERT_TRUE(succeeded(apply(graph, within)));
    EXPECT_EQ(graph.groups[0].nodes.back(), "relu_1");
    ASSERT_TRUE(succeeded(apply(graph, insertBefore(graph, "conv2d_1", 0, "relu", {}, "Insert ReLU"))));
    EXPECT_EQ(graph.groupOf("relu_2"), nullptr);
}

TEST(Compose, AppendingConnectsToTheRight)
{
    Graph graph = test::smallCnn();
    ASSERT_TRUE(succeeded(apply(graph, appendAfter(graph, "dense_1", "relu", {}, "Add ReLU"))));
    EXPECT_EQ(graph.edgeInto("relu_1", 0)->from, "dense_1");
    EXPECT_EQ(graph.find("relu_1")->position.x, graph.find("dense_1")->position.x + columnWidth);
}

} // namespace
} // namespace gradloom::graph
