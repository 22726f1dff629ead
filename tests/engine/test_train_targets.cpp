#include "engine/graph/analysis.h"
#include "engine/graph/ports.h"
#include "engine/train/evaluate.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"

#include <cmath>

/// Data sets with several targets of all kinds, from the drawing to the metrics.
using namespace gradloom;
using namespace gradloom::train;
using test::failsWith;
using test::succeeded;
using train_test::chain;
using train_test::node;

namespace {

using Extents = std::vector<int64_t>;

graph::Node labelsNode(const std::string& target, const std::string& encoding, Extents shape = {1})
{
    return node(
        "labels", "labels", {{"target", target}, {"encoding", encoding}, {"shape", std::move(shape)}});
}

/// Two heads on small pictures: which shape, and where.
project::Project twoTasks()
{
    project::Project project = train_test::smallProject();
    project.graph = chain({node("input", "input", {{"shape", Extents{16, 16, 1}}}), node("flat", "flatten"),
        node("hidden", "dense", {{"units", int64_t{24}}, {"activation", std::string("relu")}}),
        node("scores", "dense", {{"units", int64_t{10}}}), node("loss", "cross_entropy")});
    for (graph::Node& added : std::vector<graph::Node>{node("numbers", "dense", {{"units", int64_t{3}}}),
             labelsNode("place", "numbers", {3}), node("where", "mse")})
        project.graph.nodes.push_back(added);
    project.graph.edges.push_back({"hidden", 0, "numbers", 0});
    project.graph.edges.push_back({"numbers", 0, "where", 0});
    project.graph.edges.push_back({"labels", 0, "where", 1});
    return project;
}

graph::Graph sentenceReader(int64_t vocabulary, const std::string& loss = "cross_entropy")
{
    graph::Graph graph =
        chain({node("input", "input", {{"shape", Extents{24}}, {"kind", std::string("tokens")}}),
            node("words", "embedding", {{"vocabulary", vocabulary}, {"size", int64_t{8}}}),
            node("reader", "gru", {{"units", int64_t{8}}}), node("scores", "dense", {{"units", int64_t{2}}}),
            node("loss", loss)});
    graph.edges.push_back({"words", 1, "reader", 1});
    return graph;
}

data::LoadedData loaded(const std::string& source, Params options = {})
{
    options.set("training", int64_t{100});
    return data::loadData(source, options, {}).value();
}

} // namespace

TEST(TrainTargets, TwoHeadsLearnTwoTargets)
{
    auto project = twoTasks();
    project.training.epochs = 12;
    const auto data = train_test::dataOf(project);
    ASSERT_TRUE(succeeded(checkFit(project.graph, data->loaded)));
    EXPECT_EQ(data->judgedIndex(project.graph), 0);
    SessionOptions options;
    options.data = data;
    const SessionResult result = train_test::trained(project, options);
    ASSERT_FALSE(result.error) << result.error->message;
    EXPECT_LT(result.epochs.back().trainLoss, 0.9f * result.epochs.front().trainLoss);

    // Numbers are judged in their own unit: x and y up to 0.4, the size about 0.1 around its mean.
    auto model = Model::create(project.graph, data->labels(), train_test::cpu(), 7).value();
    EvaluateOptions plain;
    const auto standardised =
        evaluate(*model, data->split.test, data->preprocess, data->classes(), plain).value();
    EvaluateOptions own;
    own.deviations = data->deviations();
    const auto evaluation =
        evaluate(*model, data->split.test, data->preprocess, data->classes(), own).value();
    ASSERT_TRUE(evaluation.metrics.contains("where.mae"));
    const double ratio = evaluation.metrics.at("where.mae") / standardised.metrics.at("where.mae");
    EXPECT_GT(ratio, 0.09);
    EXPECT_LT(ratio, 0.15);
    EXPECT_EQ(evaluation.accuracy, standardised.accuracy);
    EXPECT_FALSE(evaluation.confusion.empty());
}

TEST(TrainTargets, TokensAreLearnedFrom)
{
    project::Project project;
    project.data.source = {
        "toy_text", {{"training", int64_t{300}}, {"opinions", int64_t{1}}, {"negated", 0.0}}};
    project.data.preprocess = "none";
    project.graph = sentenceReader(300);
    project.training.optimizer = {"adam", {{"learning_rate", 0.02}}};
    project.training.epochs = 4;
    const auto data = train_test::dataOf(project);
    SessionOptions options;
    options.data = data;
    const SessionResult result = train_test::trained(project, options);
    ASSERT_FALSE(result.error) << result.error->message;
    EXPECT_GT(result.epochs.back().trainAccuracy, 0.9f);
}

TEST(TrainTargets, WhatDoesNotFitIsSaid)
{
    const auto shapes = loaded("shapes", {{"size", int64_t{16}}});
    const auto project = twoTasks();
    EXPECT_TRUE(succeeded(checkFit(project.graph, shapes)));
    EXPECT_TRUE(failsWith(checkFit(project.graph, loaded("shapes")), {"\"input\"", "16×16×1", "28×28×1"}));

    auto wrong = project.graph;
    wrong.find("labels")->params.set("target", std::string("colour"));
    EXPECT_TRUE(failsWith(checkFit(wrong, shapes), {"no target \"colour\"", "\"shape\", \"place\""}));
    wrong = project.graph;
    wrong.find("labels")->params.set("shape", Extents{4});
    EXPECT_FALSE(checkFit(wrong, shapes).ok());
    wrong = project.graph;
    wrong.find("labels")->params.set("encoding", std::string("integer"));
    EXPECT_TRUE(failsWith(checkFit(wrong, shapes), {"\"place\"", "numbers 3"}));
    wrong = project.graph;
    wrong.find("scores")->params.set("units", int64_t{9});
    EXPECT_TRUE(failsWith(checkFit(wrong, shapes), {"9 scores", "10 classes"}));

    auto unlabelled = std::make_shared<data::Dataset>(*shapes.training);
    unlabelled->targets.clear();
    data::LoadedData pictures = shapes;
    pictures.targets.clear();
    pictures.training = pictures.test = unlabelled;
    EXPECT_TRUE(failsWith(checkFit(train_test::smallCnn(), pictures), {"\"loss\"", "labels", "none"}));
}

TEST(TrainTargets, TokensAndVocabularyMustFit)
{
    const auto text = loaded("toy_text");
    const auto words = static_cast<int64_t>(text.vocabulary.size());
    EXPECT_TRUE(succeeded(checkFit(sentenceReader(words), text)));
    EXPECT_TRUE(failsWith(checkFit(sentenceReader(words - 1), text), {"\"words\"", std::to_string(words)}));
    EXPECT_TRUE(failsWith(checkFit(train_test::smallCnn(), text), {"\"input\"", "tokens", "24"}));
    EXPECT_TRUE(failsWith(checkFit(sentenceReader(words), loaded("shapes")), {"\"input\"", "numbers"}));
}

TEST(TrainTargets, WithoutADataSetEveryTargetIsPossible)
{
    // A language model judges each step; a forecast is numbers like the prediction.
    const graph::Graph steps =
        chain({node("input", "input", {{"shape", Extents{7}}, {"kind", std::string("tokens")}}),
            node("words", "embedding", {{"vocabulary", int64_t{9}}, {"size", int64_t{4}}}),
            node("scores", "dense", {{"units", int64_t{9}}}), node("loss", "cross_entropy")});
    const graph::Analysis analysis = graph::analyse(steps);
    EXPECT_TRUE(succeeded(analysis.status()));
    EXPECT_EQ(analysis.nodes.at("loss").inputs.at(1), (TensorType{Shape{7}, DType::I32}));
    const graph::Graph forecast = chain({node("input", "input", {{"shape", Extents{7, 2}}}),
        node("next", "dense", {{"units", int64_t{3}}}), node("loss", "mse")});
    EXPECT_TRUE(succeeded(graph::analyse(forecast).status()));
    // With a data set it is its first target.
    const layers::TargetTypes classes{{"class", {Shape(), DType::I32}}};
    EXPECT_FALSE(graph::analyse(forecast, classes).status().ok());
}

TEST(TrainTargets, LabelsNodesThatContradictEachOtherAreAFault)
{
    graph::Graph graph = twoTasks().graph;
    graph::Node second = labelsNode("place", "integer");
    second.id = "again";
    graph.nodes.push_back(second);
    EXPECT_TRUE(failsWith(graph::analyse(graph).status(), {"again", "\"place\"", "numbers 3"}));
    EXPECT_EQ(graph::judgedTarget(graph, *graph.find("where")), "place");
    EXPECT_EQ(graph::judgedTarget(graph), "");
}

TEST(TrainTargets, AModelIsNotJudgedOnOtherData)
{
    const auto text = loaded("toy_text");
    auto model = Model::create(train_test::smallCnn(), targetTypes(text), train_test::cpu(), 1).value();
    EXPECT_TRUE(failsWith(evaluate(*model, data::wholePart(text.test), {}, 2), {"samples of 16×16×1"}));
    const auto waves = loaded("waves", {{"task", std::string("forecast")}, {"length", int64_t{16}}});
    const graph::Graph graph =
        chain({node("input", "input", {{"shape", Extents{16, 1}}}), node("flat", "flatten"),
            node("scores", "dense", {{"units", int64_t{3}}}), node("loss", "cross_entropy")});
    auto classifier = Model::create(graph, {{"class", {Shape(), DType::I32}}}, train_test::cpu(), 1).value();
    EXPECT_TRUE(
        failsWith(evaluate(*classifier, data::wholePart(waves.test), {}, 2), {"learns", "\"labels\""}));
}

/// A sample of weight 0 is in the batch but not in the loss; metrics count it.
TEST(TrainTargets, SampleWeightsMultiplyTheLoss)
{
    auto dataset = std::make_shared<data::Dataset>(*loaded("shapes", {{"size", int64_t{16}}}).training);
    dataset->weights = Tensor(Shape{dataset->count()});
    dataset->weights.floats()[1] = 2.5f;
    data::Batch batch(*dataset, 4);
    const std::vector<int64_t> indices{1, 2};
    data::fillBatch(*dataset, indices, {}, {}, batch);
    const auto values = [](const Tensor& tensor) {
        return std::vector<float>(tensor.floats().begin(), tensor.floats().end());
    };
    EXPECT_EQ(values(batch.weights), (std::vector<float>{2.5f, 0, 0, 0}));
    EXPECT_EQ(values(batch.filled), (std::vector<float>{1, 1, 0, 0}));
    EXPECT_EQ(batch.targets.size(), 2u);
    EXPECT_EQ(batch.targets[1].shape(), (Shape{4, 3}));
}
