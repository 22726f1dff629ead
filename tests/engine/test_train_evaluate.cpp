#include "engine/train/evaluate.h"
#include "tests/engine/train_test_util.h"

#include <cmath>

using namespace gradloom;
using namespace gradloom::train;

TEST(TrainEvaluate, NumbersOfASmallConfusionMatrix)
{
    const std::vector<int32_t> truth{0, 0, 0, 1, 1, 2};
    const std::vector<int32_t> predicted{0, 0, 1, 1, 2, 1};
    const Evaluation result = scoreClasses(truth, predicted, 4);
    EXPECT_EQ(result.samples, 6);
    EXPECT_DOUBLE_EQ(result.accuracy, 3.0 / 6);
    const std::vector<std::vector<int64_t>> confusion{{2, 1, 0, 0}, {0, 1, 1, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}};
    EXPECT_EQ(result.confusion, confusion);
    ASSERT_EQ(result.perClass.size(), 4u);
    EXPECT_DOUBLE_EQ(result.perClass[0].precision, 1.0);
    EXPECT_DOUBLE_EQ(result.perClass[0].recall, 2.0 / 3);
    EXPECT_DOUBLE_EQ(result.perClass[0].f1, 0.8);
    EXPECT_EQ(result.perClass[0].support, 3);
    EXPECT_DOUBLE_EQ(result.perClass[1].precision, 1.0 / 3);
    EXPECT_DOUBLE_EQ(result.perClass[1].recall, 0.5);
    EXPECT_DOUBLE_EQ(result.perClass[1].f1, 0.4);
    EXPECT_DOUBLE_EQ(result.perClass[2].f1, 0.0);
    EXPECT_EQ(result.perClass[3].support, 0); // never seen, never said: zeros, no division by zero
    EXPECT_DOUBLE_EQ(result.perClass[3].precision, 0.0);
    EXPECT_DOUBLE_EQ(result.macroF1, (0.8 + 0.4) / 4);
}

TEST(TrainEvaluate, PredictedClass)
{
    EXPECT_EQ(predictedClass(std::vector<float>{0.2f, 0.5f, 0.3f}), 1);
    EXPECT_EQ(predictedClass(std::vector<float>{0.4f, 0.4f}), 0);
    EXPECT_EQ(predictedClass(std::vector<float>{0.4f}), 0);
    EXPECT_EQ(predictedClass(std::vector<float>{0.6f}), 1);
}

TEST(TrainEvaluate, FillerInTheLastBatchCountsNowhere)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    auto model = train_test::modelOf(project.graph);
    ASSERT_TRUE(model);
    EvaluateOptions whole;
    whole.batch = data->split.test.count();
    EvaluateOptions pieces;
    pieces.batch = 7; // 60 samples: the last batch is half filler
    auto a = evaluate(*model, data->split.test, data->preprocess, data->classes(), whole);
    auto b = evaluate(*model, data->split.test, data->preprocess, data->classes(), pieces);
    ASSERT_TRUE(a.ok() && b.ok());
    EXPECT_EQ(a->samples, 60);
    EXPECT_EQ(a->confusion, b->confusion);
    EXPECT_NEAR(a->loss, b->loss, 1e-5);
    int64_t total = 0;
    for (const auto& row : b->confusion)
        for (const int64_t value : row)
            total += value;
    EXPECT_EQ(total, 60);
}

TEST(TrainEvaluate, PredictGivesTheProbabilitiesThatEvaluateCounts)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    auto model = train_test::modelOf(project.graph);
    ASSERT_TRUE(model);
    data::Batch batch(*data->split.test.dataset, 10);
    data::fillBatch(data->split.test, 0, data->preprocess, batch);
    auto probabilities = predict(*model, batch.samples);
    ASSERT_TRUE(probabilities.ok());
    EXPECT_EQ(probabilities->shape(), (Shape{10, 10}));
    for (size_t row = 0; row < 10; ++row) {
        double sum = 0;
        for (const float value : probabilities->floats().subspan(row * 10, 10))
            sum += value;
        EXPECT_NEAR(sum, 1.0, 1e-5);
    }
    Tensor one(data->loaded.sampleShape().prepended(1));
    std::memcpy(one.data(), batch.samples.data(), static_cast<size_t>(one.bytes()));
    auto single = predict(*model, one);
    ASSERT_TRUE(single.ok());
    for (size_t c = 0; c < 10; ++c)
        EXPECT_NEAR(single->floats()[c], probabilities->floats()[c], 1e-6);
}

TEST(TrainEvaluate, ANetworkWithoutClassesHasALossOnly)
{
    // An autoencoder: the target is the input.
    graph::Graph graph =
        train_test::chain({train_test::node("input", "input", {{"shape", std::vector<int64_t>{16, 16, 1}}}),
            train_test::node("same", "conv2d", {{"filters", int64_t{1}}, {"padding", std::string("same")}}),
            train_test::node("loss", "mse")});
    graph.edges.push_back({"input", 0, "loss", 1});
    const auto data = train_test::dataOf(train_test::smallProject());
    auto model = train_test::modelOf(graph);
    ASSERT_TRUE(model);
    auto result = evaluate(*model, data->split.test, data->preprocess, data->classes());
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(std::isnan(result->accuracy));
    EXPECT_TRUE(std::isfinite(result->loss));
    EXPECT_TRUE(result->perClass.empty());
}

TEST(TrainEvaluate, WrongSamplesAreAnError)
{
    auto project = train_test::smallProject();
    auto model = train_test::modelOf(project.graph);
    ASSERT_TRUE(model);
    auto result = predict(*model, Tensor(Shape{1, 20, 20, 1}));
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("16×16×1"), std::string::npos) << result.error().message;
}
