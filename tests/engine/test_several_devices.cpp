#include "engine/train/methods.h"
#include "engine/train/stepper.h"
#include "tests/engine/emulated_cuda.h"
#include "tests/engine/test_util.h"
#include "tests/engine/train_test_util.h"
#include "tests/fake_cuda/fake_cuda.h"

#include <cmath>

/// Several devices that share each batch learn what one device learns from the whole batches, step by step.
namespace gradloom {
namespace {

using namespace train;
using train_test::list;
using train_test::node;

constexpr int64_t batchSize = 16;
/// Sums in another order differ by some 1e-7, which a few steps make more of.
constexpr double limit = 4e-5;
const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};

/// What batches are trained on. Mixed: a CPU and the GPU's own kernels, whose plans differ.
enum class On { Cpu, Gpus, GpusByTheHost, Mixed };

std::shared_ptr<backend::Backend> deviceOf(On on, size_t index)
{
    if (on == On::Mixed && index % 2 == 1)
        return tests::openEmulatedCuda();
    const bool gpu = on == On::Gpus || on == On::GpusByTheHost;
    return backend::open(gpu ? "cuda:" + std::to_string(index) : "cpu", {2}).value();
}

/// One model, its stepper and what it is run on.
struct Trainer
{
    std::unique_ptr<Model> model;
    std::unique_ptr<Stepper> stepper;

    Trainer(const project::Project& project, On on, size_t devices)
    {
        std::vector<std::shared_ptr<backend::Backend>> all;
        for (size_t i = 0; i < std::max<size_t>(devices, 1); ++i)
            all.push_back(deviceOf(on, i));
        model = Model::create(project.graph, labels, all.front(), project.training.seed).value();
        StepperOptions options = stepperOptions(project, chooseMethods(project.training).value(), labels);
        options.stepsPerEpoch = 3;
        options.recipe.keepGradients = true;
        options.parallel = devices > 0;
        options.otherDevices.assign(all.begin() + 1, all.end());
        auto made = Stepper::create(*model, std::move(options));
        if (!made)
            throw std::runtime_error(made.error().message);
        stepper = std::move(*made);
    }

    StepResult step(const data::Batch& batch, int32_t number)
    {
        stepper->step(batch, {number, 0.05, {7, 0, number, 0}});
        return *stepper->take(true);
    }

    std::vector<float> gradients() const
    {
        std::vector<float> all(static_cast<size_t>(model->layout().parameterElements));
        EXPECT_TRUE(stepper->readGradients(all));
        return all;
    }
};

/// A batch whose last `filling` samples do not count.
data::Batch randomBatch(const Shape& sample, uint64_t seed, int64_t filling)
{
    Random random(seed);
    data::Batch batch;
    batch.samples = Tensor(sample.prepended(batchSize));
    for (float& x : batch.samples.floats())
        x = random.normal() + 0.5F; // means that are not zero are what batch normalisation takes off
    batch.targets.emplace_back(Shape{batchSize}, DType::I32);
    for (int32_t& x : batch.targets[0].as<int32_t>())
        x = static_cast<int32_t>(random.below(4));
    batch.weights = batch.filled = Tensor(Shape{batchSize});
    for (int64_t i = 0; i < batchSize; ++i) {
        const bool counts = i < batchSize - filling;
        batch.filled.floats()[static_cast<size_t>(i)] = counts ? 1.0F : 0.0F;
        batch.weights.floats()[static_cast<size_t>(i)] = counts ? random.uniform(0.5F, 1.5F) : 0.0F;
    }
    batch.count = batchSize - filling;
    return batch;
}

/// Largest difference, relative to the largest number; a bias in front of BatchNorm has gradients of nothing but
/// rounding.
double difference(std::span<const float> a, std::span<const float> b)
{
    EXPECT_EQ(a.size(), b.size());
    double worst = 0;
    double largest = 1e-2;
    for (size_t i = 0; i < a.size(); ++i) {
        worst = std::isnan(b[i]) ? INFINITY : std::max(worst, std::abs(double{a[i]} - b[i]));
        largest = std::max(largest, std::abs(double{a[i]}));
    }
    return worst / largest;
}

void expectClose(float a, float b, const std::string& what)
{
    EXPECT_EQ(std::isnan(a), std::isnan(b)) << what;
    if (std::isnan(a))
        return;
    EXPECT_NEAR(a, b, limit * std::max(1.0F, std::abs(a))) << what;
}

class SeveralDevices : public testing::Test
{
protected:
    void SetUp() override
    {
        environment.useModule(FAKE_CUDA);
        environment.set("GRADLOOM_FAKE_DEVICES", "4");
    }

    /// Trains some steps on one device and on several and compares what each step gave and what was learned.
    /// The last batch is filled up so far that devices get filling only.
    void compare(const project::Project& project, On on, size_t devices)
    {
        SCOPED_TRACE(std::to_string(devices) + " devices");
        environment.set("GRADLOOM_FAKE_NCCL", on == On::GpusByTheHost ? "missing" : "there");
        Trainer one(project, On::Cpu, 0);
        Trainer several(project, on, devices);
        for (int32_t i = 0; i < 6; ++i) {
            const auto batch =
                randomBatch(one.stepper->sampleShape(), 20 + static_cast<uint64_t>(i), i % 3 == 2 ? 9 : 0);
            const StepResult expected = one.step(batch, i);
            const StepResult result = several.step(batch, i);
            const std::string step = "step " + std::to_string(i);
            expectClose(expected.loss, result.loss, step);
            expectClose(expected.generatorLoss, result.generatorLoss, step);
            expectClose(expected.accuracy, result.accuracy, step);
            EXPECT_LT(difference(one.gradients(), several.gradients()), limit) << step;
        }
        const Weights weights = several.model->weights();
        for (const auto& [name, tensor] : one.model->weights())
            EXPECT_LT(difference(tensor.floats(), weights.at(name).floats()), limit) << name;
        const Weights slots = several.stepper->slots();
        for (const auto& [name, tensor] : one.stepper->slots())
            EXPECT_LT(difference(tensor.floats(), slots.at(name).floats()), limit) << name;
    }

    void compareAll(const project::Project& project)
    {
        for (const On on : {On::Cpu, On::Gpus, On::GpusByTheHost})
            for (const size_t devices : {1, 2, 4})
                compare(project, on, devices);
        compare(project, On::Mixed, 2);
    }

    test::Environment environment;
};

project::Project projectOf(graph::Graph graph)
{
    project::Project project;
    project.graph = std::move(graph);
    project.training.batch = batchSize;
    project.training.optimizer = {"sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}};
    project.training.seed = 7;
    return project;
}

/// Convolutions with BatchNorm behind them, one of them with a ReLU of its own, and a dense layer with another.
project::Project normalisedCnn()
{
    const std::string relu = "relu";
    return projectOf(train_test::chain({node("input", "input", {{"shape", list({8, 8, 3})}}),
        node("conv", "conv2d", {{"filters", int64_t{5}}, {"l2", 0.01}}),
        node("norm", "batch_norm", {{"activation", relu}}), node("pool", "max_pool2d"),
        node("conv_b", "conv2d", {{"filters", int64_t{6}}}), node("norm_b", "batch_norm"), node("leaky", "leaky_relu"),
        node("flat", "flatten"), node("hidden", "dense", {{"units", int64_t{9}}, {"l1", 0.001}}),
        node("norm_c", "batch_norm", {{"activation", std::string("tanh")}}),
        node("scores", "dense", {{"units", int64_t{4}}}), node("loss", "cross_entropy")}));
}

} // namespace

TEST_F(SeveralDevices, NormaliseTheWholeBatch)
{
    compareAll(normalisedCnn());
}

TEST_F(SeveralDevices, PlayTheGameOfOne)
{
    for (const char* objective : {"minimax", "non_saturating", "least_squares", "wasserstein"}) {
        SCOPED_TRACE(objective);
        auto project = train_test::smallGan(objective, 2);
        project.training.batch = batchSize;
        project.training.optimizer = {"sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}};
        // The discriminator drops of real samples and of fake ones.
        graph::Graph& g = project.graph;
        g.nodes.push_back(node("drop", "dropout", {{"rate", 0.3}}));
        std::erase_if(g.edges, [](const graph::Edge& edge) { return edge.from == "flat"; });
        g.edges.push_back({"flat", 0, "drop", 0});
        g.edges.push_back({"drop", 0, "score", 0});
        for (const On on : {On::Cpu, On::Gpus, On::Mixed})
            compare(project, on, on == On::Mixed ? 2 : 4);
    }
}

TEST_F(SeveralDevices, NormaliseOnBothSidesOfAGame)
{
    auto project = train_test::smallGan("non_saturating");
    project.training.batch = batchSize;
    project.training.optimizer = {"sgd", {{"learning_rate", 0.05}}};
    graph::Graph& g = project.graph;
    for (const auto& [from, name] : {std::pair("picture", "norm_g"), std::pair("leaky", "norm_d")}) {
        g.nodes.push_back(node(name, "batch_norm"));
        for (graph::Edge& edge : g.edges)
            if (edge.from == from)
                edge.from = name;
        g.edges.push_back({from, 0, name, 0});
    }
    for (const On on : {On::Cpu, On::Gpus})
        compare(project, on, 4);
}

TEST_F(SeveralDevices, DrawTheRandomNumbersOfTheWholeBatch)
{
    // Numbers of each sample are no multiple of what is drawn at once.
    const auto project = projectOf(train_test::chain({node("input", "input", {{"shape", list({5, 7, 3})}}),
        node("noise", "gaussian_noise", {{"deviation", 0.3}}), node("conv", "conv2d", {{"filters", int64_t{6}}}),
        node("maps", "spatial_dropout", {{"rate", 0.4}}), node("leaky", "leaky_relu"),
        node("drop", "dropout", {{"rate", 0.3}}),
        node("steps", "reshape", {{"shape", list({15, 6})}}),
        node("attend", "transformer_encoder", {{"heads", int64_t{2}}, {"dropout", 0.2}}),
        node("gru", "gru", {{"units", int64_t{6}}, {"dropout", 0.2}, {"recurrent_dropout", 0.2}}),
        node("scores", "dense", {{"units", int64_t{4}}}), node("loss", "cross_entropy")}));
    compareAll(project);
}

TEST_F(SeveralDevices, GatherTheGradientsOfSeveralBatches)
{
    auto project = normalisedCnn();
    project.training.options = {{"accumulate", int64_t{2}}, {"clip_norm", 0.5}, {"ema_decay", 0.9}};
    for (const On on : {On::Cpu, On::Gpus})
        compare(project, on, 4);
}

} // namespace gradloom
