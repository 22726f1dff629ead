#include "engine/train/checkpoint.h"
#include "engine/train/evaluate.h"
#include "engine/train/stepper.h"
#include "engine/train/training_options.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"

#include <nlohmann/json.hpp>

#include <cmath>

using namespace gradloom;
using namespace gradloom::train;

namespace {

using std::filesystem::path;

project::Project projectWith(Params options)
{
    project::Project project = train_test::smallProject();
    project.training.options = std::move(options);
    return project;
}

std::string failureOf(const project::Project& project)
{
    SessionOptions options;
    options.publish = false;
    const SessionResult result = train_test::trained(project, options);
    EXPECT_EQ(result.state, State::Failed);
    return result.error ? result.error->message : std::string();
}

double largestDifference(const Weights& a, const Weights& b)
{
    double largest = 0;
    for (const auto& [name, tensor] : a)
        for (size_t i = 0; i < tensor.floats().size(); ++i)
            largest =
                std::max(largest, std::abs(static_cast<double>(tensor.floats()[i]) - b.at(name).floats()[i]));
    return largest;
}

nlohmann::json runOf(const path& folder)
{
    return nlohmann::json::parse(test::readBytes(folder / runFile));
}

} // namespace

TEST(TrainOptions, EveryoneDeclaresItselfAndIsCheckedInOneSentence)
{
    for (const ParamSpec& spec : trainingOptionSpecs())
        EXPECT_FALSE(spec.help.empty() || spec.title.empty()) << spec.key;
    EXPECT_TRUE(readTrainingOptions({}).ok());
    const auto refused = [](Params params) { return readTrainingOptions(params).error().message; };
    EXPECT_NE(refused({{"clip_norm", -1.0}}).find("Clip norm must be between 0"), std::string::npos);
    EXPECT_NE(refused({{"accumulate", int64_t{0}}}).find("Accumulate must be between 1"), std::string::npos);
    EXPECT_NE(refused({{"ema_decay", 1.0}}).find("Weight average"), std::string::npos);
    EXPECT_NE(refused({{"monitor", std::string("luck")}}).find("auto, loss, accuracy"), std::string::npos);
    EXPECT_NE(refused({{"clip", 1.0}}).find("no option \"clip\""), std::string::npos);
}

TEST(TrainOptions, TheProjectFileKeepsThem)
{
    const auto project = projectWith({{"clip_norm", 0.5}, {"accumulate", int64_t{4}}, {"restore_best", true},
        {"weights_from", std::string("base.safetensors")}});
    auto read = project::parseProject(project::formatProject(project), "test");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->training, project.training);
    EXPECT_EQ(
        project::formatProject(train_test::smallProject()).find("\"options\": {\"clip"), std::string::npos);
}

TEST(TrainOptions, ARunThatGoesOnGivesTheBitsOfOneWithoutABreak)
{
    auto project = projectWith({{"accumulate", int64_t{2}}, {"ema_decay", 0.8}, {"clip_norm", 0.5},
        {"class_weights", std::string("balanced")}});
    project.training.schedule = {"plateau", {{"patience", int64_t{0}}, {"threshold", 0.9}, {"factor", 0.5}}};
    project.training.epochs = 3;
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    const auto whole = train_test::trained(project, train_test::writingTo(folder / "whole", data));
    ASSERT_FALSE(whole.error) << whole.error->message;
    for (const int64_t at : {3, 7, 12, 18}) { // within a group of batches, at an epoch's end, at both
        auto first = train_test::writingTo(folder / "part", data);
        first.maxSteps = at;
        train_test::trained(project, first);
        auto second = train_test::writingTo(folder / "rest", data);
        second.resumeDir = folder / "part";
        const auto rest = train_test::trained(project, second);
        ASSERT_FALSE(rest.error) << rest.error->message;
        for (const char* file : {lastWeightsFile, bestWeightsFile})
            EXPECT_TRUE(train_test::sameBits(train_test::weightsIn(folder / "whole" / file),
                train_test::weightsIn(folder / "rest" / file)))
                << file << " " << at;
        ASSERT_EQ(rest.epochs.size(), whole.epochs.size());
        EXPECT_EQ(rest.epochs.back().validationLoss, whole.epochs.back().validationLoss);
    }
}

TEST(TrainOptions, AccumulationEqualsTheLargeBatch)
{
    auto large = train_test::smallProject();
    for (auto& node : large.graph.nodes)
        if (node.type == "dropout")
            node.params.set("rate", 0.0);               // what is dropped depends on the batch
    large.graph.find("hidden")->params.set("l2", 0.01); // counts once an update, not once a batch
    large.training.optimizer = {"sgd", {{"learning_rate", 0.05}}};
    large.training.schedule = {"constant", {}};
    large.training.batch = 60; // 207 samples: the last one is filled up
    auto small = large;
    small.training.batch = 20;
    small.training.options = {{"accumulate", int64_t{3}}};
    const auto data = train_test::dataOf(large);
    const test::TempFolder folder;
    ASSERT_FALSE(train_test::trained(large, train_test::writingTo(folder / "large", data)).error);
    const auto result = train_test::trained(small, train_test::writingTo(folder / "small", data));
    ASSERT_FALSE(result.error) << result.error->message;
    EXPECT_EQ(result.steps, 22); // batches
    const Weights a = train_test::weightsIn(folder / "large/weights.safetensors");
    EXPECT_LT(largestDifference(a, train_test::weightsIn(folder / "small/weights.safetensors")), 2e-6);
}

TEST(TrainOptions, TheAverageIsWhatIsJudgedAndSaved)
{
    const auto plain = projectWith({});
    const auto smooth = projectWith({{"ema_decay", 0.9}});
    const auto data = train_test::dataOf(plain);
    const test::TempFolder folder;
    train_test::trained(plain, train_test::writingTo(folder / "plain", data));
    const auto result = train_test::trained(smooth, train_test::writingTo(folder / "smooth", data));
    ASSERT_FALSE(result.error);
    auto state = loadCheckpoint(folder / "smooth" / stateFile);
    ASSERT_TRUE(state.ok());
    EXPECT_TRUE(
        train_test::sameBits(state->weights, train_test::weightsIn(folder / "plain/weights.safetensors")))
        << "training itself goes on with the weights";
    const Weights saved = train_test::weightsIn(folder / "smooth/weights.safetensors");
    EXPECT_GT(largestDifference(saved, state->weights), 1e-4);
    auto model = train_test::modelOf(smooth.graph);
    ASSERT_TRUE(model->setWeights(saved).ok());
    auto evaluation = evaluate(*model, data->split.validation, data->preprocess, data->classes());
    ASSERT_TRUE(evaluation.ok());
    EXPECT_NEAR(evaluation->loss, result.epochs.back().validationLoss, 1e-5);
}

TEST(TrainOptions, EarlyStoppingAndTheBestWeights)
{
    auto project = projectWith({{"patience", int64_t{2}}, {"monitor", std::string("loss")},
        {"restore_best", true}, {"checkpoints", std::string("every_epoch")}});
    project.training.epochs = 60; // few samples are soon known by heart
    project.training.schedule = {"constant", {}};
    project.training.optimizer = {"adam", {{"learning_rate", 0.02}}};
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    SessionOptions options = train_test::writingTo(folder / "run", data);
    options.threads = 2;
    TrainSession session(project, options);
    const SessionResult result = session.wait();
    ASSERT_FALSE(result.error) << result.error->message;
    EXPECT_EQ(result.state, State::Finished);
    size_t best = 0;
    for (size_t i = 0; i < result.epochs.size(); ++i)
        if (result.epochs[i].best)
            best = i;
    ASSERT_LT(result.epochs.size(), 60u);
    EXPECT_EQ(result.epochs.size(), best + 3);
    ASSERT_EQ(session.pollRemarks().size(), 1u);
    const Weights last = train_test::weightsIn(folder / "run/weights.safetensors");
    EXPECT_TRUE(train_test::sameBits(last, train_test::weightsIn(folder / "run/best.safetensors")));
    for (size_t i = 0; i < result.epochs.size(); ++i) {
        const Weights kept =
            train_test::weightsIn(folder / "run" / epochWeightsFile(static_cast<int64_t>(i) + 1));
        EXPECT_EQ(train_test::sameBits(kept, last), i == best);
    }
    // Going on with a run that ended early ends at once, and keeps its best weights.
    options.resumeDir = folder / "run";
    const auto again = train_test::trained(project, options);
    EXPECT_EQ(again.steps, result.steps);
    EXPECT_TRUE(train_test::sameBits(last, train_test::weightsIn(folder / "run/weights.safetensors")));
}

TEST(TrainOptions, BalancedClassWeights)
{
    data::Dataset set;
    set.samples = Tensor(Shape{6, 1});
    set.targets.emplace_back(Shape{6}, DType::I32);
    const std::vector<int32_t> labels{0, 0, 0, 1, 1, 2};
    std::copy(labels.begin(), labels.end(), set.targets[0].as<int32_t>().begin());
    const auto part = data::wholePart(std::make_shared<const data::Dataset>(std::move(set)));
    const auto weights = balancedClassWeights(part, 4).value();
    ASSERT_EQ(weights.size(), 4u);
    EXPECT_FLOAT_EQ(weights[0], 6.0f / (4 * 3));
    EXPECT_FLOAT_EQ(weights[1], 6.0f / (4 * 2));
    EXPECT_FLOAT_EQ(weights[2], 6.0f / (4 * 1));
    EXPECT_EQ(weights[3], 0.0f);
    EXPECT_FALSE(balancedClassWeights(part, 0).ok());
}

TEST(TrainOptions, ClassWeightsMultiplyTheLossAndNotTheAccuracy)
{
    const auto project = train_test::smallProject();
    const auto data = train_test::dataOf(project);
    auto model = train_test::modelOf(project.graph);
    StepperOptions options;
    options.program.batch = 32;
    const auto* type = optimizerTypes().find("sgd");
    options.recipe.rule.optimizer = type;
    options.recipe.rule.params = completeParams(type->parameters, {}, "sgd").value();
    data::Batch batch(*data->loaded.training, 32);
    data::fillBatch(data->split.training, 0, data->preprocess, batch);
    const auto lossWith = [&](std::vector<float> classWeights) {
        StepperOptions chosen = options;
        chosen.classWeights = std::move(classWeights);
        auto stepper = Stepper::create(*model, std::move(chosen)).value();
        stepper->step(batch, {0, 0.0, {1, 2, 3, 4}});
        const StepResult result = stepper->take(true).value();
        return std::pair(result.loss, result.accuracy);
    };
    const auto plain = lossWith({});
    const auto equal = lossWith(std::vector<float>(10, 3.0f));
    EXPECT_NEAR(equal.first, plain.first, 1e-6) << "the mean is over the sum of the weights";
    std::vector<float> one(10, 0.0f);
    one[static_cast<size_t>(batch.targets[0].as<int32_t>()[0])] = 2.0f;
    const auto single = lossWith(one);
    EXPECT_GT(std::abs(single.first - plain.first), 1e-4);
    EXPECT_EQ(single.second, plain.second);
}

TEST(TrainOptions, TransferTakesWhatFitsAndSaysWhatNot)
{
    auto project = projectWith({});
    project.training.epochs = 1;
    const auto data = train_test::dataOf(project);
    const test::TempFolder folder;
    train_test::trained(project, train_test::writingTo(folder / "base", data));

    auto changed = project;
    changed.graph.find("scores")->params.set("units", int64_t{11});
    changed.graph.find("hidden")->id = "middle";
    for (auto& edge : changed.graph.edges) {
        edge.from = edge.from == "hidden" ? "middle" : edge.from;
        edge.to = edge.to == "hidden" ? "middle" : edge.to;
    }
    changed.training.options.set("weights_from", std::string("base/weights.safetensors"));
    changed.training.optimizer.params.set("learning_rate", 0.0);
    SessionOptions options = train_test::writingTo(folder / "next", data);
    options.projectFolder = folder / ".";
    options.maxSteps = 1;
    options.threads = 2;
    TrainSession session(changed, options);
    const SessionResult result = session.wait();
    ASSERT_FALSE(result.error) << result.error->message;
    const auto remarks = session.pollRemarks();
    ASSERT_EQ(remarks.size(), 1u);
    for (const char* part : {"Took 4 of 8", "middle.weight", "scores.weight (12×10 in the file, 12×11 here)",
             "Not used: hidden.bias, hidden.weight"})
        EXPECT_NE(remarks[0].find(part), std::string::npos) << remarks[0];
    const Weights base = train_test::weightsIn(folder / "base/weights.safetensors");
    const Weights next = train_test::weightsIn(folder / "next/weights.safetensors");
    EXPECT_EQ(std::memcmp(base.at("conv.weight").data(), next.at("conv.weight").data(),
                  static_cast<size_t>(base.at("conv.weight").bytes())),
        0);
    const auto transfer = runOf(folder / "next")["transfer"];
    EXPECT_EQ(transfer["taken"].size(), 4u);
    EXPECT_EQ(transfer["unused"].size(), 2u);
    // A run that goes on still knows it.
    options.resumeDir = folder / "next";
    options.maxSteps = 2;
    ASSERT_FALSE(train_test::trained(changed, options).error);
    EXPECT_EQ(runOf(folder / "next")["transfer"], transfer);
}

TEST(TrainOptions, WrongOnesAreOneSentence)
{
    auto project = projectWith({{"patience", int64_t{3}}});
    project.training.validationShare = 0;
    EXPECT_NE(failureOf(project).find("Early stopping needs validation samples"), std::string::npos);
    EXPECT_NE(failureOf(projectWith({{"clip_norm", -1.0}})).find("Clip norm"), std::string::npos);
    EXPECT_NE(
        failureOf(projectWith({{"weights_from", std::string("/nowhere.safetensors")}})).find("/nowhere"),
        std::string::npos);
    const test::TempFolder folder;
    ASSERT_TRUE(
        project::saveSafetensors({{{"other.weight", Tensor(Shape{2})}}, {}}, folder / "w.safetensors").ok());
    const std::string file = (folder / "w.safetensors").string();
    EXPECT_NE(
        failureOf(projectWith({{"weights_from", file}})).find("nothing to start from"), std::string::npos);
}

TEST(TrainOptions, MaxNormHoldsEveryColumn)
{
    auto project = train_test::smallProject();
    project.graph.find("hidden")->params.set("max_norm", 0.5);
    project.graph.find("conv")->params.set("max_norm", 0.4);
    const test::TempFolder folder;
    ASSERT_FALSE(train_test::trained(project, train_test::writingTo(folder / "run", train_test::dataOf(project))).error);
    const Weights weights = train_test::weightsIn(folder / "run/weights.safetensors");
    for (const auto& [name, limit] : {std::pair("hidden.weight", 0.5), std::pair("conv.weight", 0.4)}) {
        const Tensor& w = weights.at(name);
        const auto columns = static_cast<size_t>(w.shape()[-1]);
        double longest = 0;
        for (size_t c = 0; c < columns; ++c) {
            double squares = 0;
            for (size_t i = c; i < w.floats().size(); i += columns)
                squares += static_cast<double>(w.floats()[i]) * w.floats()[i];
            longest = std::max(longest, std::sqrt(squares));
        }
        EXPECT_NEAR(longest, limit, 1e-5) << name;
    }
}
