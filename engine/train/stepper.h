#pragma once

#include "engine/train/device_group.h"
#include "engine/train/model.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace gradloom::project {
struct Project;
}

namespace gradloom::train {

struct Methods;

struct StepperOptions
{
    ProgramOptions program; ///< of a training step
    TrainingRecipe recipe;
    int64_t accumulate = 1;          ///< batches to one update
    int64_t stepsPerEpoch = 1;       ///< batches of an epoch; the last of them always ends with an update
    std::vector<float> classWeights; ///< what a sample of each class counts in the loss; empty: all count one
    UpdateRule generatorRule;        ///< of the generator in a GAN's game
    /// Each batch is shared by several devices, the model's and `otherDevices`: the result is that of one device with
    /// the whole batch, but for rounding.
    bool parallel = false;
    std::vector<std::shared_ptr<backend::Backend>> otherDevices;
};

/// What a project says about its steps: batch, optimizers, accumulation.
StepperOptions stepperOptions(
    const project::Project& project, const Methods& methods, const layers::TargetTypes& labels);

/// Where in the run a step is done.
struct StepPlace
{
    int64_t step = 0; ///< batches before it
    double learningRate = 0;
    std::array<int32_t, 4> random{}; ///< counter of the random primitives
};

/// What a step gave.
struct StepResult
{
    float loss = 0;
    float accuracy = std::numeric_limits<float>::quiet_NaN();      ///< NaN where the drawing has none
    float generatorLoss = std::numeric_limits<float>::quiet_NaN(); ///< NaN but in a GAN's game, where `loss` is the
                                                                   ///< discriminator's
};

/// Does training steps of a drawing on its model. Which recipe the drawing stands for is found out from the drawing
/// alone: each is one class of this kind. One thread at a time.
class Stepper
{
public:
    static Result<std::unique_ptr<Stepper>> create(Model& model, StepperOptions options);
    /// The programs whose turns make the steps of a drawing, so that their memory is known before any is taken.
    static Result<std::vector<ir::Program>> makePrograms(const graph::Graph& graph, StepperOptions options);
    /// Whether the loss on held-out samples of a drawing tells which epoch is the best: not in a GAN's game.
    static bool validates(const graph::Graph& graph);
    virtual ~Stepper() = default;

    /// Begins a step; a device may still be at it afterwards. The batch is free again.
    void step(const data::Batch& batch, const StepPlace& place);
    /// Result of the oldest step whose result was not taken; of more than two only the last two are known. With
    /// `wait` false a device keeps the result of the last step until another one is begun, so that it never waits for
    /// the host.
    std::optional<StepResult> take(bool wait);
    virtual bool hasAccuracy() const { return false; }
    /// What is run on the device: one program, with accumulation another one, in a GAN's game one a side.
    std::vector<LoadedProgram*> programs() const;
    /// Of what it takes, without the batch.
    virtual Shape sampleShape() const = 0;
    /// Gradients of all trainable weights in the last step, in the order of the flat buffer; false before the first
    /// step and where the recipe does not keep them.
    virtual bool readGradients(std::span<float> gradients) const = 0;

    /// The model's memory with the optimizer's state.
    const backend::ModelMemory& memory() const { return m_memory; }
    /// Everything that is kept from step to step beside the weights, by name.
    virtual Weights slots() const = 0;
    virtual Status setSlots(const Weights& slots) = 0;

    /// One line for people on how several devices do it; may be empty.
    std::string note() const { return m_group->note(); }

    /// Somebody else has written to `memory`, or to the model's weights.
    void weightsChanged() { m_group->copyFirst(); }

    /// Whether there is an average of the weights after so many steps.
    virtual bool hasAverage(int64_t) const { return false; }
    /// Exchanges the weights and their average, on the device: twice is as before.
    virtual void swapAverage() {}

protected:
    virtual void begin(const data::Batch& batch, const StepPlace& place) = 0;
    /// Of the last step, or of the one before (only where the device runs ahead).
    virtual StepResult result(bool before) const = 0;
    virtual bool runsAhead() const = 0;
    using MakePrograms = Result<std::vector<ir::Program>> (*)(const graph::Graph& graph, const StepperOptions& options);
    /// Makes the programs and loads them, with memory for what they keep in slots.
    Status load(Model& model, const StepperOptions& options, MakePrograms make);
    SharedProgram& program(size_t index) const { return m_group->program(index); }
    /// All devices together take a batch of so many samples.
    static int64_t wholeBatch(const StepperOptions& options)
    {
        return options.program.batch * std::max<int64_t>(options.program.share.count, 1);
    }

    backend::ModelMemory m_memory;

private:
    /// Zeroed memory for the slots.
    Status allocateSlots(Model& model, int64_t elements);

    std::unique_ptr<DeviceGroup> m_group;
    int m_open = 0; ///< steps whose results can be taken
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
        try {
            if (m_stepper)
                m_stepper->swapAverage();
        } catch (const backend::DeviceFailure&) {
            // The device is lost with its weights, which ends the run by its next use at the latest.
        }
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
