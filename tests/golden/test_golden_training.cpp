#include "engine/project/project.h"
#include "engine/project/safetensors.h"
#include "engine/train/schedule_type.h"
#include "engine/train/stepper.h"
#include "tests/golden/golden_random.h"
#include "tests/golden/golden_sample.h"
#include "tests/golden/golden_test_util.h"

/// Training steps of whole networks against torch.optim: the program that a session runs, on the CPU.
namespace gradloom::tests {
namespace {

constexpr int steps = 20;

project::Project modelProject(const std::string& model)
{
    return project::loadProject(goldenFolder() / "models" / (model + ".gradloom.json")).value();
}

train::UpdateRule ruleOf(const project::Choice& optimizer)
{
    const auto* type = train::optimizerTypes().find(optimizer.type);
    train::UpdateRule rule;
    rule.optimizer = type;
    rule.params = completeParams(type->parameters, optimizer.params, optimizer.type).value();
    return rule;
}

/// A project's network with weights as make_golden.py had them, and its training steps.
class Trainer
{
public:
    Trainer(const graph::Graph& graph, int64_t batch, train::UpdateRule rule, int64_t accumulate = 1)
        : m_batch(batch), m_rate(rule.params.real("learning_rate"))
    {
        m_device = backend::open("cpu", {2}).value();
        m_model = train::Model::create(graph, {}, m_device, 1).value();
        if (Status status = m_model->setWeights(goldenWeights(m_model->weights())); !status)
            throw std::runtime_error(status.error().message);
        train::StepperOptions options;
        options.program.batch = batch;
        options.recipe.rule = std::move(rule);
        options.accumulate = accumulate;
        options.stepsPerEpoch = 1'000'000;
        m_stepper = train::Stepper::create(*m_model, std::move(options)).value();
    }

    /// Returns the loss of batch `number`.
    float step(int64_t classes, int number)
    {
        const Shape sample = m_stepper->sampleShape();
        GoldenBatch golden = goldenBatch(sample, m_batch, classes, static_cast<uint64_t>(number));
        data::Batch batch;
        batch.samples = m_vocabulary > 0 ? tokensOf(golden.samples) : std::move(golden.samples);
        batch.targets.push_back(std::move(golden.labels));
        batch.weights = Tensor(Shape{m_batch});
        std::fill(batch.weights.floats().begin(), batch.weights.floats().end(), 1.0F);
        batch.filled = batch.weights;
        m_stepper->step(batch, {number, m_rate, {}});
        return m_stepper->take(true)->loss;
    }

    /// The network takes tokens below `count`.
    void setVocabulary(int count) { m_vocabulary = count; }

    train::Weights weights() const { return m_model->weights(); }
    train::Weights average(int steps) const
    {
        const train::AverageInUse average(*m_stepper, steps);
        return m_model->weights();
    }

private:
    Tensor tokensOf(const Tensor& numbers) const
    {
        Tensor tokens(numbers.shape(), DType::I32);
        for (size_t i = 0; i < numbers.floats().size(); ++i)
            tokens.as<int32_t>()[i] =
                static_cast<int32_t>(static_cast<double>(numbers.floats()[i]) * m_vocabulary);
        return tokens;
    }

    int64_t m_batch;
    int m_vocabulary = 0;
    double m_rate;
    std::shared_ptr<backend::Backend> m_device;
    std::unique_ptr<train::Model> m_model;
    std::unique_ptr<train::Stepper> m_stepper;
};

struct OptimizerCase
{
    std::string name; ///< in reference_training.py
    project::Choice choice;
};

std::vector<OptimizerCase> optimizerCases()
{
    return {{"sgd", {"sgd", {{"learning_rate", 0.1}}}},
        {"momentum", {"sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}}},
        {"nesterov", {"sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}, {"nesterov", true}}}},
        {"adam", {"adam", {{"learning_rate", 0.01}}}},
        {"adam_options",
            {"adam", {{"learning_rate", 0.02}, {"beta1", 0.8}, {"beta2", 0.99}, {"epsilon", 1e-3}}}},
        {"adagrad", {"adagrad", {{"learning_rate", 0.05}}}},
        {"adagrad_options",
            {"adagrad", {{"learning_rate", 0.1}, {"decay", 0.1}, {"start", 0.1}, {"epsilon", 1e-4}}}},
        {"adadelta", {"adadelta", {{"learning_rate", 1.0}}}},
        {"adadelta_options", {"adadelta", {{"learning_rate", 0.5}, {"rho", 0.8}, {"epsilon", 1e-4}}}},
        {"rmsprop", {"rmsprop", {{"learning_rate", 0.01}}}},
        {"rmsprop_options", {"rmsprop", {{"learning_rate", 0.005}, {"rho", 0.95}, {"momentum", 0.9},
                                            {"centered", true}, {"epsilon", 1e-4}}}},
        {"adamw", {"adamw", {{"learning_rate", 0.01}}}},
        {"adamw_options", {"adamw", {{"learning_rate", 0.02}, {"weight_decay", 0.2}, {"beta1", 0.8},
                                        {"beta2", 0.99}, {"epsilon", 1e-3}}}},
        {"nadam", {"nadam", {{"learning_rate", 0.01}}}},
        {"nadam_options", {"nadam", {{"learning_rate", 0.02}, {"beta1", 0.8}, {"beta2", 0.99},
                                        {"epsilon", 1e-3}, {"momentum_decay", 0.02}}}},
        {"lion", {"lion", {{"learning_rate", 0.002}}}},
        {"lion_options",
            {"lion", {{"learning_rate", 0.002}, {"beta1", 0.8}, {"beta2", 0.9}, {"weight_decay", 0.5}}}}};
}

/// Row `index` of a tensor.
Tensor row(const Tensor& tensor, int index)
{
    Tensor result(tensor.shape().withoutFirst());
    const auto count = static_cast<size_t>(result.elements());
    const auto part = tensor.floats().subspan(static_cast<size_t>(index) * count, count);
    std::copy(part.begin(), part.end(), result.floats().begin());
    return result;
}

void expectWeights(
    const train::Weights& weights, const project::TensorFile& golden, const std::string& prefix, int step)
{
    ASSERT_GE(weights.size(), 3U);
    for (const auto& [name, weight] : weights) {
        const auto expected = golden.tensors.find(prefix + "." + name);
        ASSERT_NE(expected, golden.tensors.end()) << prefix << " " << name;
        expectGolden(weight, row(expected->second, step), name + " after step " + std::to_string(step + 1));
    }
}

TEST(GoldenTraining, OptimizersMoveEveryWeightAsPyTorchDoes)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "optimizers.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    for (const OptimizerCase& optimizer : optimizerCases()) {
        SCOPED_TRACE(optimizer.name);
        Trainer trainer(modelProject("small_dense").graph, 8, ruleOf(optimizer.choice));
        for (int step = 0; step < steps; ++step) {
            trainer.step(3, step);
            expectWeights(trainer.weights(), *golden, optimizer.name, step);
        }
    }
}

TEST(GoldenTraining, SparseEmbeddingMovesAsPyTorchs)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "sparse.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    for (const auto& [name, rate, sparse] :
        {std::tuple("sgd", 0.5, true), std::tuple("sgd", 0.5, false), std::tuple("adam", 0.02, true)}) {
        SCOPED_TRACE(std::string(name) + (sparse ? " sparse" : " dense"));
        graph::Graph graph = modelProject("small_tokens").graph;
        for (graph::Node& node : graph.nodes)
            if (node.type == "embedding")
                node.params.set("sparse", sparse);
        Params options{{"learning_rate", rate}};
        if (std::string(name) == "adam")
            options.set("epsilon", 1e-14);
        Trainer trainer(graph, 4, ruleOf({name, options}));
        trainer.setVocabulary(40);
        for (int step = 0; step < steps; ++step) {
            trainer.step(3, step);
            expectWeights(trainer.weights(), *golden, name, step);
        }
    }
}

TEST(GoldenTraining, ClippingMaxNormAccumulationAndAverage)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "update_rules.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    const train::UpdateRule plain = ruleOf({"sgd", {{"learning_rate", 0.2}, {"momentum", 0.9}}});
    for (const std::string name : {"plain", "clip_value", "clip_norm", "max_norm", "accumulate", "average"}) {
        SCOPED_TRACE(name);
        graph::Graph graph = modelProject("small_dense").graph;
        train::UpdateRule rule = plain;
        rule.clipValue = name == "clip_value" ? 0.02 : 0;
        rule.clipNorm = name == "clip_norm" ? 0.1 : 0;
        rule.emaDecay = name == "average" ? 0.9 : 0;
        if (name == "max_norm")
            graph.find("dense_1")->params.set("max_norm", 0.8);
        const int parts = name == "accumulate" ? 3 : 1;
        Trainer trainer(graph, 8, rule, parts);
        for (int step = 0; step < steps; ++step) {
            for (int part = 0; part < parts; ++part)
                trainer.step(3, step * parts + part);
            const train::Weights weights = name == "average" ? trainer.average(step + 1) : trainer.weights();
            expectWeights(weights, *golden, name, step);
        }
    }
}

TEST(GoldenTraining, EveryOptimizerHasGoldenNumbers)
{
    for (const auto& type : train::optimizerTypes().all()) {
        const auto cases = optimizerCases();
        EXPECT_TRUE(
            std::any_of(cases.begin(), cases.end(), [&](const auto& c) { return c.choice.type == type.id; }))
            << type.id << ": add it to optimizerCases() and to OPTIMIZERS in reference_training.py";
    }
}

double factorOf(const std::string& id, const Params& given, const train::SchedulePoint& at)
{
    const auto* type = train::scheduleTypes().find(id);
    return type->factor(completeParams(type->parameters, given, id).value(), at);
}

TEST(GoldenTraining, SchedulesFollowPyTorch)
{
    constexpr int64_t perEpoch = 7;
    constexpr int64_t epochs = 6;
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "schedules.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    const struct
    {
        std::string name, id;
        Params params;
        bool everyStep;
    } cases[] = {{"step", "step", {{"epochs", int64_t{2}}, {"factor", 0.3}}, false},
        {"exponential", "exponential", {{"factor", 0.8}, {"smooth", false}}, false},
        {"exponential", "exponential", {{"factor", 0.8}}, false}, {"one_cycle", "one_cycle", {}, true},
        {"one_cycle_options", "one_cycle", {{"rise", 0.5}, {"start", 10.0}, {"end", 100.0}}, true}};
    for (const auto& test : cases) {
        const auto expected = golden->tensors.at(test.name).floats();
        ASSERT_EQ(expected.size(), static_cast<size_t>(test.everyStep ? perEpoch * epochs : epochs));
        for (size_t i = 0; i < expected.size(); ++i) {
            const auto place = static_cast<int64_t>(i);
            const train::SchedulePoint at{
                test.everyStep ? place : place * perEpoch, perEpoch * epochs, perEpoch};
            EXPECT_NEAR(factorOf(test.id, test.params, at), expected[i], 1e-6) << test.name << " " << i;
        }
    }
}

TEST(GoldenTraining, ReduceOnPlateauFollowsPyTorch)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "schedules.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    const auto floats = golden->tensors.at("plateau.results").floats();
    const std::vector<double> results(floats.begin(), floats.end());
    const auto expected = golden->tensors.at("plateau").floats();
    const Params params{{"factor", 0.5}, {"patience", int64_t{1}}, {"cooldown", int64_t{1}}, {"lowest", 0.2}};
    for (size_t i = 0; i < results.size(); ++i) {
        train::SchedulePoint at;
        at.results = std::span(results).first(i + 1);
        EXPECT_NEAR(factorOf("plateau", params, at), expected[i], 1e-6) << "after result " << i + 1;
    }
}

TEST(GoldenTraining, LossesOfTheClassicCnn)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "classic_cnn.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    const Tensor& expected = golden->tensors.at("losses");
    Trainer trainer(modelProject("classic_cnn").graph, 16,
        ruleOf({"adam", {{"learning_rate", 1e-3}, {"epsilon", 1e-3}}}));
    for (int step = 0; step < steps; ++step) {
        const double loss = expected.floats()[static_cast<size_t>(step)];
        EXPECT_NEAR(trainer.step(10, step), loss, 1e-4 * loss) << "step " << step + 1;
    }
    for (const auto& [name, weight] : trainer.weights()) {
        double sum = 0;
        for (const float w : weight.floats())
            sum += static_cast<double>(w) * w;
        const double norm = golden->tensors.at("norm." + name).floats()[0];
        EXPECT_NEAR(std::sqrt(sum), norm, 1e-4 * norm) << name;
    }
}

} // namespace
} // namespace gradloom::tests
