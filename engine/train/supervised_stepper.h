#pragma once

#include "engine/train/stepper.h"

namespace gradloom::train {

/// The recipe "supervised": all weights learn from all losses, with accumulation, class weights and an average of the
/// weights where they are wanted. Autoencoders are trained so too, variational ones included.
class SupervisedStepper : public Stepper
{
public:
    static Result<std::unique_ptr<Stepper>> create(Model& model, StepperOptions options);

    /// One batch: an update, or its gradients are kept for the update at the end of the group.
    void step(const data::Batch& batch, const StepPlace& place) override;
    float loss() const override { return m_last->readNumber("loss"); }
    bool hasAccuracy() const override { return m_update->hasOutput("metric:accuracy"); }
    float accuracy() const override;
    std::vector<LoadedProgram*> programs() const override;
    Shape sampleShape() const override { return m_update->inputType("input")->shape.withoutFirst(); }
    bool readGradients(std::span<float> gradients) const override;
    Weights slots() const override;
    Status setSlots(const Weights& slots) override;
    bool hasAverage(int64_t steps) const override { return m_average && updatesBefore(steps) > 0; }
    void swapAverage() override;

private:
    explicit SupervisedStepper(StepperOptions options)
        : m_options(std::move(options)), m_writer(m_options.program.labels)
    {
    }
    Status load(Model& model);
    bool endsGroup(int64_t step) const;
    /// Updates done when `step` batches are done.
    int64_t updatesBefore(int64_t step) const;
    const Tensor& lossWeights(const data::Batch& batch);

    StepperOptions m_options;
    BatchWriter m_writer;
    std::unique_ptr<LoadedProgram> m_update;
    std::unique_ptr<LoadedProgram> m_gather; ///< with accumulation only
    LoadedProgram* m_last = nullptr;
    Tensor m_weights;                     ///< what each sample counts, with class weights only
    const ir::Value* m_average = nullptr; ///< in the update program
    std::vector<float> m_parametersCopy;
    std::vector<float> m_averageCopy;
};

} // namespace gradloom::train
