#pragma once

#include "engine/train/batch_writer.h"
#include "engine/train/model.h"
#include "engine/train/step_program.h"

#include <array>

namespace gradloom::train {

struct StepperOptions
{
    ProgramOptions program; ///< of a training step
    TrainingRecipe recipe;
    int64_t accumulate = 1;          ///< batches to one update
    int64_t stepsPerEpoch = 1;       ///< batches of an epoch; the last of them always ends with an update
    std::vector<float> classWeights; ///< what a sample of each class counts in the loss; empty: all count one
};

/// Where in the run a step is done.
struct StepPlace
{
    int64_t step = 0; ///< batches before it
    double learningRate = 0;
    std::array<int32_t, 4> random{}; ///< counter of the random primitives
};

/// Does training steps of a drawing on its model: the programs of the recipe "supervised" with the
/// optimizer's state. Another recipe is another class of this shape. One thread at a time.
class Stepper
{
public:
    static Result<std::unique_ptr<Stepper>> create(Model& model, StepperOptions options);

    /// One batch: an update, or its gradients are kept for the update at the end of the group.
    void step(const data::Batch& batch, const StepPlace& place);
    /// Of the last step.
    float loss() const { return m_last->readNumber("loss"); }
    bool hasAccuracy() const { return m_update->hasOutput("metric:accuracy"); }
    float accuracy() const; ///< NaN where the drawing has none
    /// Of what it takes, without the batch.
    Shape sampleShape() const { return m_update->inputType("input")->shape.withoutFirst(); }
    /// The program that did the last step, nullptr before; holds "gradients" where the recipe keeps them.
    const LoadedProgram* lastProgram() const { return m_last; }

    /// The model's memory with the optimizer's state.
    const backend::ModelMemory& memory() const { return m_memory; }
    /// Everything that is kept from step to step beside the weights, by name.
    Weights slots() const;
    Status setSlots(const Weights& slots);

    /// Whether there is an average of the weights after so many steps.
    bool hasAverage(int64_t steps) const { return m_average && updatesBefore(steps) > 0; }
    /// Exchanges the weights and their average, on the device: twice is as before.
    void swapAverage();

private:
    explicit Stepper(StepperOptions options) : m_options(std::move(options)), m_writer(m_options.program.labels) {}
    Status load(Model& model);
    bool endsGroup(int64_t step) const;
    /// Updates done when `step` batches are done.
    int64_t updatesBefore(int64_t step) const;
    const Tensor& lossWeights(const data::Batch& batch);

    StepperOptions m_options;
    BatchWriter m_writer;
    backend::ModelMemory m_memory;
    std::unique_ptr<LoadedProgram> m_update;
    std::unique_ptr<LoadedProgram> m_gather; ///< with accumulation only
    LoadedProgram* m_last = nullptr;
    Tensor m_weights;                     ///< what each sample counts, with class weights only
    const ir::Value* m_average = nullptr; ///< in the update program
    std::vector<float> m_parametersCopy;
    std::vector<float> m_averageCopy;
};

/// The weights are their average as long as this lives, where there is one.
class AverageInUse
{
public:
    AverageInUse(Stepper& stepper, int64_t steps) : m_stepper(stepper.hasAverage(steps) ? &stepper : nullptr)
    {
        if (m_stepper)
            m_stepper->swapAverage();
    }
    ~AverageInUse()
    {
        if (m_stepper)
            m_stepper->swapAverage();
    }
    AverageInUse(const AverageInUse&) = delete;
    AverageInUse& operator=(const AverageInUse&) = delete;

private:
    Stepper* m_stepper;
};

/// Balanced class weights N/(C·n) of a part of the data (scikit-learn's "balanced"); 0 for a class that does
/// not occur. Source: King and Zeng 2001.
Result<std::vector<float>> balancedClassWeights(const data::DataPart& part, int64_t classes);

} // namespace gradloom::train
