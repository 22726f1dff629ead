#include "engine/train/evaluate.h"
#include "engine/train/metric_type.h"
#include "tests/engine/train_test_util.h"

#include <cmath>

using namespace gradloom;
using namespace gradloom::train;

namespace {

/// Rows as Judging would gather them.
Judged judgedClasses(std::vector<int32_t> truth, std::vector<float> probabilities, int64_t columns)
{
    Judged judged;
    judged.task = Judged::Task::Classes;
    judged.columns = columns;
    judged.truth = std::move(truth);
    judged.probabilities = std::move(probabilities);
    for (size_t row = 0; row < judged.truth.size(); ++row) {
        const auto said = std::span(judged.probabilities)
                              .subspan(row * static_cast<size_t>(columns), static_cast<size_t>(columns));
        judged.predicted.push_back(predictedClass(said));
        judged.rank.push_back(judged.predicted.back() == judged.truth[row] ? 0 : 1);
    }
    judged.classes = countClasses(judged.truth, judged.predicted, std::max<int64_t>(columns, 2));
    return judged;
}

double areaByPairs(const Judged& judged, int64_t label)
{
    double wins = 0;
    double pairs = 0;
    for (int64_t i = 0; i < judged.rows(); ++i)
        for (int64_t j = 0; j < judged.rows(); ++j) {
            if (judged.truth[static_cast<size_t>(i)] != label ||
                judged.truth[static_cast<size_t>(j)] == label)
                continue;
            const double a = judged.probability(i, label);
            const double b = judged.probability(j, label);
            wins += a > b ? 1 : a == b ? 0.5 : 0;
            ++pairs;
        }
    return wins / pairs;
}

data::DataPart numbersPart(int64_t count, int64_t features)
{
    data::Dataset set;
    set.samples = Tensor(Shape{count, features});
    for (size_t i = 0; i < set.samples.floats().size(); ++i)
        set.samples.floats()[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
    set.targets.emplace_back(Shape{count}, DType::I32);
    return data::wholePart(std::make_shared<const data::Dataset>(std::move(set)));
}

} // namespace

TEST(TrainMetrics, EveryoneSaysWhatItIs)
{
    for (const MetricType& type : metricTypes().all())
        EXPECT_FALSE(type.title.empty() || type.help.empty() || !type.applies || !type.value) << type.id;
    EXPECT_TRUE(metricsOf(Judged()).empty());
}

TEST(TrainMetrics, PerplexityIsTheNumberOfEquallyLikelyChoices)
{
    Judged judged = judgedClasses({0, 1, 2, 3}, std::vector<float>(16, 0.25f), 4);
    EXPECT_FALSE(metricsOf(judged).contains("perplexity")) << "only steps of sequences have one";
    judged.steps = true;
    judged.logLikelihood = 4 * std::log(0.25);
    EXPECT_NEAR(metricsOf(judged).at("perplexity"), 4, 1e-12);
    judged.logLikelihood = 2 * std::log(0.5) + 2 * std::log(0.125); // mean of 1 and 3 bits
    EXPECT_NEAR(metricsOf(judged).at("perplexity"), 4, 1e-12);
}

TEST(TrainMetrics, AucCountsPairsAndHalvesTies)
{
    const Judged two = judgedClasses({0, 1, 1, 0, 1, 0}, {0.2f, 0.2f, 0.9f, 0.4f, 0.4f, 0.1f}, 1);
    EXPECT_DOUBLE_EQ(metricsOf(two).at("auc"), areaByPairs(two, 1));
    EXPECT_DOUBLE_EQ(metricsOf(two).at("auc"), 7.0 / 9); // 6 pairs won, 2 of the 9 tied
    const Judged three = judgedClasses({0, 1, 2, 2, 1, 0},
        {0.5f, 0.3f, 0.2f, 0.3f, 0.3f, 0.4f, 0.1f, 0.1f, 0.8f, 0.4f, 0.2f, 0.4f, 0.2f, 0.7f, 0.1f, 0.3f, 0.5f,
            0.2f},
        3);
    double mean = 0;
    for (int64_t label = 0; label < 3; ++label)
        mean += areaByPairs(three, label) / 3;
    EXPECT_NEAR(metricsOf(three).at("auc"), mean, 1e-12);
    // Columns that stand for no class of the data set, as a network with units to spare has.
    Judged spare = three;
    spare.truth = {0, 1, 1, 1, 1, 0};
    spare.classes = countClasses(spare.truth, std::vector<int32_t>(6, 0), 2);
    EXPECT_NEAR(
        metricsOf(spare).at("auc"), (areaByPairs(spare, 0) + areaByPairs(spare, 1)) / 2, 1e-12);
    const Judged single = judgedClasses({1, 1}, {0.5f, 0.6f}, 1);
    EXPECT_FALSE(metricsOf(single).contains("auc")) << "one class alone has no curve";
    Judged broken = two;
    broken.probabilities[2] = std::nanf("");
    EXPECT_FALSE(metricsOf(broken).contains("auc")) << "what is no number has no place among others";
}

TEST(TrainMetrics, MicroAveragesAreTheAccuracy)
{
    const Judged judged = judgedClasses({0, 1, 1, 0, 1}, {0.2f, 0.2f, 0.9f, 0.6f, 0.7f}, 1);
    const auto metrics = metricsOf(judged);
    EXPECT_DOUBLE_EQ(metrics.at("accuracy"), 0.6);
    EXPECT_DOUBLE_EQ(metrics.at("f1_micro"), 0.6);
    EXPECT_DOUBLE_EQ(metrics.at("precision"), 0.5 * (1.0 / 2 + 2.0 / 3));
    EXPECT_DOUBLE_EQ(metrics.at("recall"), 0.5 * (1.0 / 2 + 2.0 / 3));
    EXPECT_FALSE(metrics.contains("top_5"));
    EXPECT_FALSE(metrics.contains("perplexity"));
    EXPECT_FALSE(metrics.contains("mae"));
}

TEST(TrainMetrics, NumbersAgainstTheirDefinitions)
{
    const std::vector<std::vector<double>> truth{{1, 10}, {2, 10}, {4, 10}, {9, 10}};
    const std::vector<std::vector<double>> said{{1.5, 11}, {2, 9}, {3, 10}, {8, 10}};
    Judged judged;
    judged.task = Judged::Task::Numbers;
    judged.outputs.resize(2);
    for (size_t i = 0; i < truth.size(); ++i)
        for (size_t k = 0; k < 2; ++k)
            judged.outputs[k].add(said[i][k], truth[i][k]);
    const auto metrics = metricsOf(judged);
    EXPECT_DOUBLE_EQ(metrics.at("mae"), (0.5 + 1 + 1 + 1 + 1) / 8);
    EXPECT_DOUBLE_EQ(metrics.at("rmse"), std::sqrt((0.25 + 1 + 1 + 1 + 1) / 8));
    EXPECT_DOUBLE_EQ(metrics.at("r2"), 1 - 2.25 / (9 + 4 + 0 + 25))
        << "an output that does not vary is left out";
    EXPECT_FALSE(metrics.contains("reconstruction_error"));
    EXPECT_FALSE(metrics.contains("accuracy"));
}

TEST(TrainMetrics, AnAutoencoderIsJudgedByItsReconstruction)
{
    graph::Graph graph =
        train_test::chain({train_test::node("input", "input", {{"shape", std::vector<int64_t>{6}}}),
            train_test::node("code", "dense", {{"units", int64_t{6}}}), train_test::node("loss", "mse")});
    graph.edges.push_back({"input", 0, "loss", 1});
    auto model = train_test::modelOf(graph);
    ASSERT_TRUE(model);
    EvaluateOptions options;
    options.batch = 8; // 20 samples: filler in the last batch
    auto result = evaluate(*model, numbersPart(20, 6), {}, 0, options);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_NEAR(result->metrics.at("reconstruction_error"), result->loss, 1e-6);
    EXPECT_NEAR(result->metrics.at("rmse"), std::sqrt(result->loss), 1e-6);
    EXPECT_TRUE(result->metrics.contains("r2"));
    EXPECT_TRUE(std::isnan(result->accuracy));
    EXPECT_TRUE(result->confusion.empty());
}

TEST(TrainMetrics, OneHotTruthIsAClassToo)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    graph::Graph graph = project.graph;
    graph.nodes.push_back(train_test::node(
        "truth", "labels", {{"encoding", std::string("one_hot")}, {"classes", int64_t{10}}}));
    graph.edges.push_back({"truth", 0, "loss", 1});
    auto plain = train_test::modelOf(project.graph);
    auto hot = train_test::modelOf(graph);
    ASSERT_TRUE(plain && hot);
    auto a = evaluate(*plain, data->split.test, data->preprocess, data->classes());
    auto b = evaluate(*hot, data->split.test, data->preprocess, data->classes());
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a->confusion, b->confusion);
    EXPECT_NEAR(a->metrics.at("auc"), b->metrics.at("auc"), 1e-3);
    EXPECT_EQ(a->accuracy, a->metrics.at("accuracy"));
}

TEST(TrainMetrics, EveryLossIsJudged)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    graph::Graph graph = project.graph;
    graph.nodes.push_back(train_test::node("copy", "dense", {{"units", int64_t{256}}}));
    graph.nodes.push_back(train_test::node("flat_input", "flatten"));
    graph.nodes.push_back(train_test::node("second", "mse", {{"weight", 0.1}}));
    graph.edges.push_back({"hidden", 0, "copy", 0});
    graph.edges.push_back({"input", 0, "flat_input", 0});
    graph.edges.push_back({"copy", 0, "second", 0});
    graph.edges.push_back({"flat_input", 0, "second", 1});
    auto model = train_test::modelOf(graph);
    ASSERT_TRUE(model);
    auto result = evaluate(*model, data->split.test, data->preprocess, data->classes());
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(result->metrics.contains("accuracy"));
    EXPECT_TRUE(result->metrics.contains("second.rmse"));
    EXPECT_TRUE(result->metrics.contains("second.r2"));
    EXPECT_FALSE(result->metrics.contains("rmse"));
    EXPECT_EQ(result->confusion.size(), 10u);
}

TEST(TrainMetrics, TooManyProbabilitiesCostTheAucOnly)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    auto model = train_test::modelOf(project.graph);
    EvaluateOptions options;
    options.largestTable = 599; // of 60 × 10
    auto result = evaluate(*model, data->split.test, data->preprocess, data->classes(), options);
    ASSERT_TRUE(result.ok());
    EXPECT_FALSE(result->metrics.contains("auc"));
    EXPECT_TRUE(result->metrics.contains("f1"));
    options.largestTable = 600;
    EXPECT_TRUE(evaluate(*model, data->split.test, data->preprocess, data->classes(), options)
                    ->metrics.contains("auc"));
}
