#pragma once

#include "engine/graph/adversary.h"
#include "engine/train/stepper.h"

namespace gradloom::train {

/// The recipe of a GAN: every step trains the discriminator on a batch of real samples and as many fake ones; every
/// so many steps (the objective's option `discriminator_steps`) the generator learns from other fake samples. Each
/// side has its own optimizer. Goodfellow et al. 2014, algorithm 1.
class GameStepper : public Stepper
{
public:
    static Result<std::unique_ptr<Stepper>> create(Model& model, StepperOptions options, const graph::Adversary& game);
    /// The discriminator's step and the generator's, whose slots lie behind the former's.
    static Result<std::vector<ir::Program>> makePrograms(const graph::Graph& graph, const StepperOptions& options);

    Shape sampleShape() const override { return discriminator().first().inputType("input")->shape.withoutFirst(); }
    bool readGradients(std::span<float> gradients) const override;
    Weights slots() const override;
    Status setSlots(const Weights& slots) override;

protected:
    void begin(const data::Batch& batch, const StepPlace& place) override;
    StepResult result(bool before) const override;
    bool runsAhead() const override { return discriminator().runsAhead(); }

private:
    explicit GameStepper(StepperOptions options)
        : m_options(std::move(options)), m_writer(m_options.program.labels)
    {
    }
    SharedProgram& discriminator() const { return program(0); }
    SharedProgram& generator() const { return program(1); }

    StepperOptions m_options;
    BatchWriter m_writer;
    int64_t m_interval = 1;   ///< steps of the discriminator for each one of the generator
    double m_rateRatio = 1;   ///< of the generator's learning rate to the discriminator's
    bool m_hasRun = false;
    bool m_generatorRan = false; ///< in the last step
};

} // namespace gradloom::train
