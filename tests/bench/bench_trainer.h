#pragma once

#include "engine/project/project.h"
#include "engine/train/model.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>

/// What the benchmark programs share.
namespace gradloom::bench {

/// The value, or an exception with the error's sentence: these programs end at the first problem.
template <typename T>
T take(Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().message);
    return std::move(*result);
}

inline void take(const Status& status)
{
    if (!status)
        throw std::runtime_error(status.error().message);
}

inline double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    const size_t middle = values.size() / 2;
    return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// One network with its training step: forward, loss, backward, optimizer, as a session runs it. No data
/// loading.
class BenchTrainer
{
public:
    BenchTrainer(const project::Project& project, int64_t batch, int threads) : m_batch(batch)
    {
        const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};
        m_device = take(backend::open("cpu", {threads}));
        m_model = take(train::Model::create(project.graph, labels, m_device, project.training.seed));
        const auto& choice = project.training.optimizer;
        const auto* optimizer = train::optimizerTypes().find(choice.type);
        if (!optimizer)
            throw std::runtime_error("There is no optimizer " + choice.type + ".");
        const Params params = take(completeParams(optimizer->parameters, choice.params, choice.type));
        m_learningRate = static_cast<float>(params.real("learning_rate"));
        train::ProgramOptions options;
        options.batch = batch;
        options.labels = labels;
        options.training = true;
        auto program = take(train::trainingProgram(project.graph, options, {{optimizer, params}}));
        backend::ModelMemory memory = m_model->memory();
        memory.slots = take(backend::allocateModel(*m_device, program)).slots;
        m_program = take(train::LoadedProgram::load(*m_device, memory, std::move(program)));
        Tensor weights(Shape{batch});
        std::fill(weights.floats().begin(), weights.floats().end(), 1.0F);
        m_program->write("weights", weights);
        m_program->write("filled", weights);
    }

    train::Model& model() { return *m_model; }
    const train::LoadedProgram& program() const { return *m_program; }
    int64_t batch() const { return m_batch; }
    /// With the batch.
    const TensorType& inputType() const { return *m_program->inputType("input"); }
    Shape sampleShape() const { return inputType().shape.withoutFirst(); }

    /// One step; returns its loss.
    float step(std::span<const std::byte> samples, std::span<const std::byte> labels)
    {
        const int32_t random[4] = {1, 0, static_cast<int32_t>(m_steps), 0};
        m_program->write("input", samples);
        m_program->write("labels", labels);
        m_program->write("random", std::as_bytes(std::span(random)));
        m_program->write("learning_rate", m_learningRate);
        m_program->write("step", static_cast<float>(++m_steps));
        m_program->run();
        return m_program->readNumber("loss");
    }

    /// Floating point operations of one step in matrix products, convolutions, recurrent layers and attention, both
    /// passes, counted as direct ones whatever the kernels do. Everything else is left out.
    double flops() const
    {
        static constexpr const char* counted[] = {"gemm", "conv2d", "rnn", "lstm", "gru", "attention"};
        double sum = 0;
        for (const ir::Op& op : m_program->program().ops)
            if (std::any_of(std::begin(counted), std::end(counted),
                    [&](const char* id) { return op.type->id.starts_with(id); }))
                sum += static_cast<double>(ir::flopsOf(m_program->program(), op));
        return sum;
    }

private:
    std::shared_ptr<backend::Backend> m_device;
    std::unique_ptr<train::Model> m_model;
    std::unique_ptr<train::LoadedProgram> m_program;
    int64_t m_batch;
    float m_learningRate = 0;
    int64_t m_steps = 0;
};

} // namespace gradloom::bench
