#pragma once

#include "engine/ir/op_kind.h"
#include "engine/ir/op_type.h"
#include "engine/project/project.h"
#include "engine/train/methods.h"
#include "engine/train/model.h"
#include "engine/train/stepper.h"

#include <algorithm>
#include <chrono>
#include <fstream>
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

/// Highest resident memory of this process so far, in bytes; 0 where the system does not say. Not
/// getrusage(), whose value starts at that of the process that started this one.
inline int64_t peakResidentBytes()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            return std::stoll(line.substr(6)) * 1024;
    return 0;
}

/// Where a benchmark computes.
struct BenchDevice
{
    std::string id = "cpu";
    backend::DeviceOptions options;
};

/// One network with its training step, as a session runs it: forward, loss, backward, optimizer; in a GAN's
/// game the steps of both sides. No data loading.
class BenchTrainer
{
public:
    BenchTrainer(const project::Project& project, int64_t batch, const BenchDevice& device)
    {
        const layers::TargetTypes labels{{"class", {Shape(), DType::I32}}};
        m_device = take(backend::open(device.id, device.options));
        m_freeAtStart = m_device->memory().free;
        m_model = take(train::Model::create(project.graph, labels, m_device, project.training.seed));
        const train::Methods methods = take(train::chooseMethods(project.training));
        m_learningRate = methods.learningRate();
        train::StepperOptions options = train::stepperOptions(project, methods, labels);
        options.program.batch = batch;
        m_stepper = take(train::Stepper::create(*m_model, std::move(options)));
        m_inputType = {
            m_stepper->sampleShape().prepended(batch), m_stepper->programs()[0]->inputType("input")->dtype};
    }

    train::Model& model() { return *m_model; }
    std::string deviceName() const { return m_device->info().name; }
    /// Memory of a GPU that was taken since it was opened; 0 for the CPU.
    int64_t deviceBytes() const { return m_freeAtStart - m_device->memory().free; }
    /// With the batch.
    const TensorType& inputType() const { return m_inputType; }

    /// A batch of samples (N×sample) and classes (N), all of which count.
    static data::Batch batchOf(Tensor samples, Tensor classes)
    {
        data::Batch batch;
        batch.count = samples.shape()[0];
        batch.weights = Tensor(Shape{batch.count});
        std::fill(batch.weights.floats().begin(), batch.weights.floats().end(), 1.0F);
        batch.filled = batch.weights;
        batch.samples = std::move(samples);
        batch.targets.push_back(std::move(classes));
        return batch;
    }

    /// One step and what it gave.
    train::StepResult step(const data::Batch& batch)
    {
        m_stepper->step(batch, {m_steps, m_learningRate, {1, 0, static_cast<int32_t>(m_steps), 0}});
        ++m_steps;
        return *m_stepper->take(true);
    }

    /// Floating point operations of one step in matrix products, convolutions, recurrent layers and
    /// attention, both passes, counted as direct ones whatever the kernels do. Everything else is left out.
    double flops() const
    {
        double sum = 0;
        for (const train::LoadedProgram* program : m_stepper->programs())
            for (const ir::Op& op : program->program().ops)
                if (ir::isProduct(op.type->id))
                    sum += static_cast<double>(ir::flopsOf(program->program(), op));
        return sum;
    }

private:
    std::shared_ptr<backend::Backend> m_device;
    std::unique_ptr<train::Model> m_model;
    std::unique_ptr<train::Stepper> m_stepper;
    TensorType m_inputType;
    double m_learningRate = 0;
    int64_t m_steps = 0;
    int64_t m_freeAtStart = 0;
};

} // namespace gradloom::bench
