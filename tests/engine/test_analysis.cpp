#include "engine/graph/analysis.h"

#include "source_dir.h"
#include "engine/graph/ports.h"
#include "tests/engine/graph_test_util.h"
#include "tests/engine/test_util.h"

#include <gtest/gtest.h>

namespace gradloom::graph {
namespace {

using test::chain;
using test::node;
using test::succeeded;

using List = std::vector<int64_t>;

Graph fashionCnn()
{
    const auto project = project::loadProject(GRADLOOM_SOURCE_DIR "/projects/fashion_cnn.gradloom.json");
    EXPECT_TRUE(succeeded(project));
    return project ? project->graph : Graph();
}

const Problem* problemWith(const Analysis& analysis, std::string_view part)
{
    for (const Problem& problem : analysis.problems)
        if (problem.message.find(part) != std::string::npos)
            return &problem;
    return nullptr;
}

std::string allProblems(const Analysis& analysis)
{
    std::string text;
    for (const Problem& problem : analysis.problems)
        text += problem.node + ": " + problem.message + "\n";
    return text;
}

/// The problem whose message has `part` is there, and its proposal number `choice` takes it away.
void expectMended(const Graph& graph, std::string_view part, size_t choice = 0)
{
    const Analysis before = analyse(graph);
    const Problem* problem = problemWith(before, part);
    ASSERT_NE(problem, nullptr) << part << " is not in\n" << allProblems(before);
    ASSERT_GT(problem->proposals.size(), choice) << problem->message;
    Graph mended = graph;
    ASSERT_TRUE(succeeded(apply(mended, problem->proposals[choice].edit)));
    const Analysis after = analyse(mended);
    EXPECT_EQ(problemWith(after, part), nullptr) << allProblems(after);
    EXPECT_LT(after.problems.size(), before.problems.size()) << allProblems(after);
    EXPECT_FALSE(problem->proposals[choice].title.empty());
    EXPECT_EQ(problem->proposals[choice].title, problem->proposals[choice].edit.title);
}

TEST(Analysis, TheClassicNetworkHas93322Parameters)
{
    const Analysis analysis = analyse(fashionCnn());
    EXPECT_TRUE(succeeded(analysis.status()));
    EXPECT_TRUE(analysis.problems.empty()) << allProblems(analysis);
    EXPECT_EQ(analysis.parameters, 93322);
    EXPECT_EQ(analysis.trainable, 93322);
    EXPECT_EQ(analysis.nodes.at("conv2d_2").parameters, 18496);
    EXPECT_EQ(analysis.nodes.at("conv2d_2").inputs[0].shape, (Shape{13, 13, 32}));
    EXPECT_EQ(analysis.nodes.at("conv2d_2").outputs[0].shape, (Shape{11, 11, 64}));
    EXPECT_EQ(analysis.nodes.at("flatten_1").outputs[0].shape, Shape{576});
    // 2 · 11·11·64 results · 3·3·32 products, and a little for bias and activation.
    EXPECT_GE(analysis.nodes.at("conv2d_2").flops, 2 * 11 * 11 * 64 * 3 * 3 * 32);
    EXPECT_LT(analysis.nodes.at("conv2d_2").flops, 2 * 11 * 11 * 64 * (3 * 3 * 32 + 4));
    int64_t sum = 0;
    for (const auto& [id, info] : analysis.nodes)
        sum += info.flops;
    EXPECT_EQ(analysis.flops, sum);
}

TEST(Analysis, RunningStatisticsAreNoParametersAndFrozenOnesAreNotTrained)
{
    Graph graph = chain({node("input_1", "input", {{"shape", List{4, 4, 3}}}), node("bn", "batch_norm"),
        node("frozen", "conv2d", {{"filters", int64_t{2}}, {"frozen", true}, {"l2", 0.1}}),
        node("global", "global_avg_pool2d"), node("loss", "cross_entropy")});
    Analysis analysis = analyse(graph);
    EXPECT_TRUE(analysis.problems.empty()) << allProblems(analysis);
    EXPECT_EQ(analysis.nodes.at("bn").parameters, 6);
    EXPECT_EQ(analysis.nodes.at("bn").trainable, 6);
    EXPECT_EQ(analysis.nodes.at("frozen").parameters, 3 * 3 * 3 * 2 + 2);
    EXPECT_EQ(analysis.nodes.at("frozen").trainable, 0);
    EXPECT_EQ(analysis.parameters, 6 + 56);
    EXPECT_EQ(analysis.trainable, 6);

    graph.find("bn")->params.set("frozen", true);
    analysis = analyse(graph);
    EXPECT_EQ(analysis.parameters, 6 + 56);
    EXPECT_EQ(analysis.trainable, 0);
    EXPECT_TRUE(analysis.valid());
    EXPECT_NE(problemWith(analysis, "nothing to learn"), nullptr);
}

TEST(Analysis, EveryLayerOnItsSamplesIsValid)
{
    for (const auto& type : layers::layerTypes().all())
        for (const auto& sample : type.samples) {
            if (type.role == layers::Role::Data || type.adversarial) // a GAN's game has tests of its own
                continue;
            // Only one Input is supported, so layers with several inputs are met by the engine's own tests.
            if (sample.inputs.size() != 1 || sample.inputs[0].shape.rank() > 5 || sample.inputs[0].shape.rank() < 1)
                continue;
            Graph graph = chain({node("in", "input", {{"shape", sample.inputs[0].shape.toVector()}}),
                {"layer", type.id, sample.params, {}}});
            if (sample.inputs[0].dtype == DType::I32)
                graph.nodes[0].params.set("kind", std::string("tokens"));
            const Analysis analysis = analyse(graph);
            EXPECT_TRUE(analysis.valid()) << type.id << "\n" << allProblems(analysis);
            EXPECT_EQ(analysis.nodes.at("layer").outputs.size(), type.outputs.size()) << type.id;
        }
}

TEST(Analysis, AnEmptyDrawingAsksForAnInput)
{
    const Analysis analysis = analyse({});
    EXPECT_FALSE(analysis.valid());
    EXPECT_TRUE(test::failsWith(analysis.status(), {"empty", "Input"}));
    expectMended(chain({node("d", "relu")}), "no Input");
    Graph graph;
    ASSERT_TRUE(succeeded(apply(graph, analysis.problems[0].proposals[0].edit)));
    EXPECT_EQ(graph.nodes[0].type, "input");
}

TEST(Analysis, AMissingLayerIsInsertedByOneClick)
{
    const Graph graph = chain({node("input_1", "input"), node("dense_1", "dense", {{"units", int64_t{10}}}),
        node("loss", "cross_entropy")});
    const Analysis analysis = analyse(graph);
    EXPECT_FALSE(analysis.valid());
    ASSERT_NE(analysis.problemOf("dense_1"), nullptr);
    EXPECT_EQ(analysis.problemOf("dense_1")->message,
        "Dense needs (N, features) but gets (N, 28, 28, 1). Insert Flatten.");
    EXPECT_EQ(analysis.problemOf("loss"), nullptr) << "what follows from a fault is not a fault of its own";
    EXPECT_EQ(analysis.status().error().node, "dense_1");
    expectMended(graph, "Insert Flatten");
}

TEST(Analysis, TokensBecomeNumbersByOneClick)
{
    const Params tokens{{"shape", List{20}}, {"kind", std::string("tokens")}};
    for (const char* layer : {"dense", "relu", "add"}) {
        Graph graph = chain({node("input_1", "input", tokens), node("layer", layer), node("flat", "flatten"),
            node("dense", "dense"), node("loss", "cross_entropy")});
        if (std::string(layer) == "add")
            graph.edges.push_back({"input_1", 0, "layer", 1});
        const Analysis analysis = analyse(graph);
        ASSERT_NE(analysis.problemOf("layer"), nullptr) << layer;
        EXPECT_NE(analysis.problemOf("layer")->message.find(
                      " needs numbers but gets whole numbers (tokens) (N, 20). Insert an Embedding."),
            std::string::npos)
            << analysis.problemOf("layer")->message;
        ASSERT_FALSE(analysis.problemOf("layer")->proposals.empty());
    }
    expectMended(chain({node("input_1", "input", tokens), node("dense_1", "dense"), node("flat", "flatten"),
                     node("loss", "cross_entropy")}),
        "Insert an Embedding");
}

TEST(Analysis, EmbeddingTakesTokensOnly)
{
    const Graph graph = chain({node("input_1", "input", {{"shape", List{20}}}), node("e", "embedding"),
        node("flat", "flatten"), node("loss", "cross_entropy")});
    EXPECT_NE(problemWith(analyse(graph), "Embedding needs whole numbers (tokens) but gets numbers (N, 20)"), nullptr);
    Graph mended = graph;
    mended.nodes[0].params.set("kind", std::string("tokens"));
    EXPECT_TRUE(analyse(mended).problems.empty()) << allProblems(analyse(mended));
}

TEST(Analysis, TokensComeInOneRow)
{
    expectMended(chain({node("input_1", "input", {{"shape", List{4, 5}}, {"kind", std::string("tokens")}}),
                     node("e", "embedding"), node("flat", "flatten"), node("loss", "cross_entropy")}),
        "one row of tokens");
}

TEST(Analysis, DenseOnASequenceWorksOnEveryStep)
{
    const Graph graph = chain({node("input_1", "input", {{"shape", List{7, 3}}}),
        node("d", "dense", {{"units", int64_t{5}}}), node("loss", "cross_entropy")});
    const Analysis analysis = analyse(graph);
    EXPECT_EQ(analysis.nodes.at("d").outputs.at(0).shape, (Shape{7, 5}));
    EXPECT_EQ(analysis.nodes.at("d").parameters, 3 * 5 + 5);
    // Each step may have a class of its own; one class for the whole sequence needs a vector.
    EXPECT_TRUE(analysis.valid()) << allProblems(analysis);
    const Analysis oneClass = analyse(graph, {{"class", {Shape(), DType::I32}}});
    ASSERT_NE(oneClass.problemOf("loss"), nullptr);
    EXPECT_EQ(oneClass.problemOf("loss")->message,
        "Cross-entropy needs (N, features) but gets (N, 7, 5). Insert Flatten.");
}

TEST(Analysis, AnOptionIsSetByOneClick)
{
    const Graph graph = chain({node("input_1", "input", {{"shape", List{2, 2, 1}}}), node("conv", "conv2d"),
        node("flat", "flatten"), node("loss", "cross_entropy")});
    expectMended(graph, "padding same", 0);
    expectMended(graph, "padding same", 1);
}

TEST(Analysis, UnconnectedInputsAreConnectedByOneClick)
{
    Graph graph = test::smallCnn();
    graph.edges.erase(graph.edges.begin() + 2);
    const Analysis analysis = analyse(graph);
    ASSERT_NE(analysis.problemOf("dense_1"), nullptr) << allProblems(analysis);
    expectMended(graph, "Dense dense_1 has no input");
}

TEST(Analysis, AddNeedsTwoInputsAndIgnoresEmptyPorts)
{
    Graph graph = chain(
        {node("input_1", "input"), node("conv_1", "conv2d"), node("relu_1", "relu"), node("add_1", "add"),
            node("flat", "flatten"), node("dense", "dense"), node("loss", "cross_entropy")});
    EXPECT_NE(problemWith(analyse(graph), "at least two inputs but has one"), nullptr);
    graph.edges.push_back({"conv_1", 0, "add_1", 4});
    const Analysis analysis = analyse(graph);
    EXPECT_TRUE(analysis.problems.empty()) << allProblems(analysis);
    EXPECT_EQ(analysis.nodes.at("add_1").inputs.size(), 2u);
}

TEST(Analysis, CyclesAreCutByOneClick)
{
    Graph graph = chain({node("input_1", "input"), node("a", "add"), node("b", "relu"), node("c", "relu")});
    graph.edges.push_back({"c", 0, "a", 1});
    const Analysis analysis = analyse(graph);
    const Problem* problem = problemWith(analysis, "circle: a → b → c → a");
    ASSERT_NE(problem, nullptr) << allProblems(analysis);
    EXPECT_EQ(problem->node, "a");
    Graph mended = graph;
    ASSERT_TRUE(succeeded(apply(mended, problem->proposals.at(0).edit)));
    EXPECT_TRUE(findCycle(mended).empty());
}

TEST(Analysis, OnlyOneInputForNow)
{
    Graph graph = test::smallCnn();
    graph.nodes.push_back(node("input_2", "input", {{"shape", List{8, 8, 1}}}));
    graph.nodes.push_back(node("add_1", "add"));
    graph.edges[0].to = "add_1";
    graph.edges.push_back({"input_2", 0, "add_1", 1});
    graph.edges.push_back({"add_1", 0, "conv2d_1", 0});
    expectMended(graph, "Only one Input");
}

TEST(Analysis, ADrawingWithoutALossIsAWarningWithProposals)
{
    Graph graph = test::smallCnn();
    graph.nodes.pop_back();
    graph.edges.pop_back();
    const Analysis analysis = analyse(graph);
    EXPECT_TRUE(analysis.valid());
    EXPECT_TRUE(succeeded(analysis.status()));
    ASSERT_EQ(analysis.problems.size(), 1u) << allProblems(analysis);
    EXPECT_TRUE(analysis.problems[0].warning);
    ASSERT_FALSE(analysis.problems[0].proposals.empty());
    EXPECT_EQ(analysis.problems[0].proposals[0].title, "Add Cross-entropy");
    for (size_t i = 0; i < analysis.problems[0].proposals.size(); ++i)
        expectMended(graph, "no loss", i);
}

TEST(Analysis, UnusedResultsAreWarnings)
{
    Graph graph = test::smallCnn();
    graph.nodes.push_back(node("relu_1", "relu"));
    graph.edges.push_back({"dense_1", 0, "relu_1", 0});
    EXPECT_TRUE(analyse(graph).valid());
    expectMended(graph, "ReLU relu_1 is not used");
}

TEST(Analysis, WrongOptionsGoBackToTheirDefaultsByOneClick)
{
    Graph graph = test::smallCnn();
    graph.find("dense_1")->params.set("colour", std::string("red"));
    graph.find("dense_1")->params.set("l2", -1.0);
    expectMended(graph, "dense_1: ");
    graph.find("input_1")->params.set("shape", List(5, 1 << 24));
    EXPECT_NE(problemWith(analyse(graph), "2^40"), nullptr);
}

TEST(Analysis, UnknownLayersAreNamed)
{
    Graph graph = test::smallCnn();
    graph.nodes.push_back(node("odd", "no_such_layer"));
    graph.edges.push_back({"odd", 0, "dense_1", 7});
    expectMended(graph, "no layer \"no_such_layer\"");
}

TEST(Analysis, TargetsAreComparedWithThePrediction)
{
    Graph graph = chain({node("input_1", "input", {{"shape", List{12}}}), node("code", "dense"),
        node("back", "dense", {{"units", int64_t{12}}}), node("loss", "mse")});
    graph.edges.push_back({"input_1", 0, "loss", 1});
    EXPECT_TRUE(analyse(graph).problems.empty()) << allProblems(analyse(graph));
    graph.find("back")->params.set("units", int64_t{11});
    const Analysis analysis = analyse(graph);
    ASSERT_NE(analysis.problemOf("loss"), nullptr);
    EXPECT_NE(analysis.problemOf("loss")->message.find("(N, 11)"), std::string::npos);
    EXPECT_NE(analysis.problemOf("loss")->message.find("(N, 12)"), std::string::npos);
}

TEST(Analysis, AHugeClaimIsAProblemAndTakesNoMemory)
{
    const Graph wide =
        chain({node("input_1", "input", {{"shape", List{1 << 20, 1 << 20, 1}}}), node("flat", "flatten"),
            node("d", "dense", {{"units", int64_t{1 << 20}}}), node("loss", "cross_entropy")});
    EXPECT_NE(problemWith(analyse(wide), "268,435,456"), nullptr);
    const Graph heavy = chain({node("input_1", "input", {{"shape", List{1 << 20}}}),
        node("d", "dense", {{"units", int64_t{1 << 20}}}), node("loss", "cross_entropy")});
    EXPECT_NE(problemWith(analyse(heavy), "2,147,483,648 weights"), nullptr);
    const Graph window = chain({node("input_1", "input", {{"shape", List{1024, 1024, 256}}}),
        node("c", "conv2d", {{"kernel", List{1024, 1024}}, {"filters", int64_t{65536}}}),
        node("p", "flatten"), node("loss", "cross_entropy")});
    EXPECT_FALSE(analyse(window).valid());
}

} // namespace
} // namespace gradloom::graph
