#include "engine/project/project.h"
#include "engine/project/safetensors.h"
#include "engine/train/step_program.h"
#include "tests/golden/golden_random.h"
#include "tests/golden/golden_sample.h"
#include "tests/golden/golden_test_util.h"

/// Training steps of whole networks against torch.optim: the program that a session runs, on the CPU.
namespace gradloom::tests {
namespace {

constexpr int steps = 20;

/// A project's network, its weights as make_golden.py had them, and its training step.
class Trainer
{
public:
    Trainer(const std::string& model, int64_t batch, const project::Choice& optimizer)
    {
        auto project = project::loadProject(goldenFolder() / "models" / (model + ".gradloom.json"));
        if (!project)
            throw std::runtime_error(project.error().message);
        m_device = backend::open("cpu", {2}).value();
        m_model = train::Model::create(project->graph, {Shape(), DType::I32}, m_device, 1).value();
        if (Status status = m_model->setWeights(goldenWeights(m_model->weights())); !status)
            throw std::runtime_error(status.error().message);
        const auto* type = train::optimizerTypes().find(optimizer.type);
        const Params params = completeParams(type->parameters, optimizer.params, optimizer.type).value();
        m_rate = static_cast<float>(params.real("learning_rate"));
        train::ProgramOptions options;
        options.batch = batch;
        options.training = true;
        auto program = train::trainingProgram(project->graph, options, {type, params, false}).value();
        backend::ModelMemory memory = m_model->memory();
        memory.slots = backend::allocateModel(*m_device, program).value().slots;
        m_program = train::LoadedProgram::load(*m_device, memory, std::move(program)).value();
        Tensor weights(Shape{batch});
        std::fill(weights.floats().begin(), weights.floats().end(), 1.0F);
        m_program->write("weights", weights);
        m_batch = batch;
    }

    float step(int64_t classes, int number)
    {
        const Shape sample = m_program->inputType("input")->shape.withoutFirst();
        const GoldenBatch batch = goldenBatch(sample, m_batch, classes, static_cast<uint64_t>(number));
        m_program->write("input", batch.samples);
        m_program->write("labels", batch.labels);
        m_program->write("learning_rate", m_rate);
        m_program->write("step", static_cast<float>(number + 1));
        m_program->run();
        return m_program->readNumber("loss");
    }

    train::Weights weights() const { return m_model->weights(); }

private:
    std::shared_ptr<backend::Backend> m_device;
    std::unique_ptr<train::Model> m_model;
    std::unique_ptr<train::LoadedProgram> m_program;
    float m_rate = 0;
    int64_t m_batch = 0;
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
            {"adam", {{"learning_rate", 0.02}, {"beta1", 0.8}, {"beta2", 0.99}, {"epsilon", 1e-3}}}}};
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

TEST(GoldenTraining, OptimizersMoveEveryWeightAsPyTorchDoes)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "optimizers.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    for (const OptimizerCase& optimizer : optimizerCases()) {
        SCOPED_TRACE(optimizer.name);
        Trainer trainer("small_dense", 8, optimizer.choice);
        for (int step = 0; step < steps; ++step) {
            trainer.step(3, step);
            const train::Weights weights = trainer.weights();
            ASSERT_EQ(weights.size(), 4U);
            for (const auto& [name, weight] : weights) {
                const auto expected = golden->tensors.find(optimizer.name + "." + name);
                ASSERT_NE(expected, golden->tensors.end()) << name;
                expectGolden(
                    weight, row(expected->second, step), name + " after step " + std::to_string(step + 1));
            }
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

TEST(GoldenTraining, LossesOfTheClassicCnn)
{
    auto golden = project::loadSafetensors(goldenFolder() / "training" / "classic_cnn.safetensors");
    ASSERT_TRUE(golden.ok()) << golden.error().message;
    const Tensor& expected = golden->tensors.at("losses");
    Trainer trainer("classic_cnn", 16, {"adam", {{"learning_rate", 1e-3}}});
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
