#pragma once

#include "engine/backend/communicator.h"
#include "engine/train/supervised_stepper.h"

namespace gradloom::train {

/// The recipe "supervised" on several devices (or one): each computes the gradients of its share of the
/// batch, their sum is what every device updates its own copy of the weights with. Where no layer looks at
/// the whole batch (BatchNorm takes each device's share for itself) or draws random numbers, the result is
/// that of one device with the whole batch, but for rounding. The model's device is the first one; its
/// running statistics are those that count. Gradients that are read are those of its share.
class ParallelStepper : public SupervisedStepper
{
public:
    static Result<std::unique_ptr<Stepper>> create(Model& model, StepperOptions options);
    /// Makes the batch of all devices that of each.
    static Status shareBatch(StepperOptions& options);
    /// What gathers a share's gradients, and what updates the weights with the sum.
    static Result<std::vector<ir::Program>> makePrograms(
        const graph::Graph& graph, const StepperOptions& options);

    bool hasAccuracy() const override { return m_gather->hasOutput("metric:accuracy"); }
    Shape sampleShape() const override { return m_gather->inputType("input")->shape.withoutFirst(); }
    Weights slots() const override;
    Status setSlots(const Weights& slots) override;
    void weightsChanged() override;
    std::string note() const override { return m_communicator->note(); }

protected:
    void begin(const data::Batch& batch, const StepPlace& place) override;
    StepResult result(bool before) const override;
    /// With NCCL nobody waits for the sum; through the host's memory everybody does.
    bool runsAhead() const override
    {
        return m_communicator->runsAhead() && m_gather->executable().runsAhead();
    }

private:
    /// A device behind the first one.
    struct Replica
    {
        std::unique_ptr<Model> model;
        backend::ModelMemory memory;
        std::unique_ptr<LoadedProgram> gather;
        std::unique_ptr<LoadedProgram> update;
    };

    /// What the devices' shares of a step count, by device.
    struct Counts
    {
        std::vector<double> lossWeights; ///< in the loss
        std::vector<double> samples;     ///< that are no filling
    };

    explicit ParallelStepper(StepperOptions options) : SupervisedStepper(std::move(options)) {}
    Status loadAll(Model& model);
    Status addReplica(Model& first, const std::shared_ptr<backend::Backend>& device);
    /// Loads both programs for a device.
    Status loadPrograms(backend::Backend& device, const backend::ModelMemory& memory,
        std::unique_ptr<LoadedProgram>& gatherInto, std::unique_ptr<LoadedProgram>& updateInto) const;
    LoadedProgram& gatherOf(size_t device) const
    {
        return device == 0 ? *m_gather : *m_replicas[device - 1].gather;
    }
    LoadedProgram& updateOf(size_t device) const
    {
        return device == 0 ? *m_update : *m_replicas[device - 1].update;
    }
    void takeShare(const data::Batch& batch, size_t device);
    /// What all devices but the first one have gathered is forgotten.
    void clearGathered() const;

    std::vector<ir::Program> m_programs; ///< gather and update
    std::vector<Replica> m_replicas;
    std::unique_ptr<backend::Communicator> m_communicator;
    std::vector<std::shared_ptr<backend::Memory>> m_slots; ///< of all devices
    int64_t m_exchanged = 0; ///< elements of them that are added up, the first ones
    data::Batch m_share;
    Counts m_counts;       ///< of the last step
    Counts m_countsBefore; ///< of the one before
};

} // namespace gradloom::train
