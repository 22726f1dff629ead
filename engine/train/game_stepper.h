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

    void step(const data::Batch& batch, const StepPlace& place) override;
    float loss() const override { return m_discriminator->readNumber("loss"); }
    float generatorLoss() const override { return m_generator->readNumber("loss"); }
    std::vector<LoadedProgram*> programs() const override { return {m_discriminator.get(), m_generator.get()}; }
    Shape sampleShape() const override { return m_discriminator->inputType("input")->shape.withoutFirst(); }
    bool readGradients(std::span<float> gradients) const override;
    bool canValidate() const override { return false; }
    Weights slots() const override;
    Status setSlots(const Weights& slots) override;

private:
    explicit GameStepper(StepperOptions options)
        : m_options(std::move(options)), m_writer(m_options.program.labels)
    {
    }
    Status load(Model& model);
    Result<ir::Program> program(Model& model, layers::Side side, const UpdateRule& rule, int64_t slotOffset) const;

    StepperOptions m_options;
    BatchWriter m_writer;
    std::unique_ptr<LoadedProgram> m_discriminator;
    std::unique_ptr<LoadedProgram> m_generator;
    int64_t m_interval = 1;   ///< steps of the discriminator for each one of the generator
    double m_rateRatio = 1;   ///< of the generator's learning rate to the discriminator's
    bool m_hasRun = false;
};

} // namespace gradloom::train
