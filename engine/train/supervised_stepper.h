#pragma once

#include "engine/train/stepper.h"

namespace gradloom::train {

/// The recipe "supervised": all weights learn from all losses, with accumulation, class weights and an average of the
/// weights where they are wanted. Autoencoders are trained so too, variational ones included.
class SupervisedStepper : public Stepper
{
public:
    static Result<std::unique_ptr<Stepper>> create(Model& model, StepperOptions options);
    /// The update and, where gradients of several batches are gathered, what gathers them.
    static Result<std::vector<ir::Program>> makePrograms(const graph::Graph& graph, const StepperOptions& options);

    bool hasAccuracy() const override { return update().first().hasOutput("metric:accuracy"); }
    Shape sampleShape() const override { return update().first().inputType("input")->shape.withoutFirst(); }
    bool readGradients(std::span<float> gradients) const override;
    Weights slots() const override;
    Status setSlots(const Weights& slots) override;
    bool hasAverage(int64_t steps) const override { return m_average && updatesBefore(steps) > 0; }
    void swapAverage() override;

protected:
    /// One batch: an update, or its gradients are kept for the update at the end of the group.
    void begin(const data::Batch& batch, const StepPlace& place) override;
    StepResult result(bool before) const override;
    bool runsAhead() const override { return update().runsAhead(); }

private:
    explicit SupervisedStepper(StepperOptions options)
        : m_options(std::move(options)), m_writer(m_options.program.labels)
    {
    }
    Status load(Model& model);
    SharedProgram& update() const { return program(0); }
    bool endsGroup(int64_t step) const;
    /// Updates done when `step` batches are done.
    int64_t updatesBefore(int64_t step) const;
    /// What each sample counts in the loss.
    const Tensor& weightsOf(const data::Batch& batch);

    StepperOptions m_options;
    BatchWriter m_writer;
    SharedProgram* m_last = nullptr;
    SharedProgram* m_before = nullptr; ///< of the step before the last one
    Tensor m_weights;                     ///< what each sample counts, with class weights only
    const ir::Value* m_average = nullptr; ///< in the update program
    std::vector<float> m_parametersCopy;
    std::vector<float> m_averageCopy;
};

} // namespace gradloom::train
