#include "engine/train/game_stepper.h"

#include "engine/graph/expand.h"
#include "engine/graph/ports.h"
#include "engine/train/checkpoint.h"

namespace gradloom::train {

namespace {

Status checkGameOptions(const StepperOptions& options)
{
    const auto refuse = [](const std::string& what) {
        return invalidArgument("A GAN cannot be trained with " + what + ". Switch it off in the training options.");
    };
    if (options.accumulate > 1)
        return refuse("gradients of several batches");
    if (options.recipe.rule.emaDecay > 0)
        return refuse("an average of the weights");
    if (!options.classWeights.empty())
        return refuse("class weights");
    return {};
}

} // namespace

Result<std::unique_ptr<Stepper>> GameStepper::create(Model& model, StepperOptions options, const graph::Adversary& game)
{
    if (Status status = checkGameOptions(options); !status)
        return status.error();
    const graph::Graph expanded = graph::expand(model.graph()).graph;
    const graph::Node* objective = expanded.find(game.objective);
    auto params = graph::completeOptions(*graph::typeOf(*objective), objective->params, objective->id);
    if (!params)
        return params.error();
    std::unique_ptr<GameStepper> stepper(new GameStepper(std::move(options)));
    stepper->m_interval = params->integer("discriminator_steps");
    if (Status status = stepper->load(model); !status)
        return status.error();
    return std::unique_ptr<Stepper>(std::move(stepper));
}

Result<std::vector<ir::Program>> GameStepper::makePrograms(const graph::Graph& graph, const StepperOptions& options)
{
    std::vector<ir::Program> all;
    for (const layers::Side side : {layers::Side::Discriminator, layers::Side::Generator}) {
        const bool generator = side == layers::Side::Generator;
        ProgramOptions how = options.program;
        how.side = side;
        TrainingRecipe recipe = options.recipe;
        if (generator && options.generatorRule.optimizer)
            recipe.rule = options.generatorRule;
        recipe.rule.slotPrefix = generator ? "generator." : "discriminator.";
        recipe.slotOffset = generator ? all.front().slotElements : 0;
        auto program = trainingProgram(graph, how, recipe);
        if (!program)
            return program.error();
        all.push_back(std::move(*program));
    }
    return all;
}

Status GameStepper::load(Model& model)
{
    const UpdateRule& rule = m_options.recipe.rule;
    const UpdateRule& other = m_options.generatorRule.optimizer ? m_options.generatorRule : rule;
    const double rate = rule.params.real("learning_rate");
    m_rateRatio = rate > 0 ? other.params.real("learning_rate") / rate : 1;
    auto all = makePrograms(model.graph(), m_options);
    if (!all)
        return all.error();
    if (Status status = allocateSlots(model, all->back().slotElements); !status)
        return status;
    for (size_t i = 0; i < all->size(); ++i) {
        auto loaded = LoadedProgram::load(model.device(), m_memory, std::move((*all)[i]));
        if (!loaded)
            return loaded.error();
        (i == 0 ? m_discriminator : m_generator) = std::move(*loaded);
    }
    return {};
}

void GameStepper::begin(const data::Batch& batch, const StepPlace& place)
{
    const auto run = [&](LoadedProgram& program, std::array<int32_t, 4> random, double rate, int64_t update) {
        m_writer.write(program, batch);
        program.write("random", std::as_bytes(std::span(random)));
        program.write("learning_rate", static_cast<float>(rate));
        program.write("step", static_cast<float>(update + 1));
        program.run();
    };
    run(*m_discriminator, place.random, place.learningRate, place.step);
    m_hasRun = true;
    m_generatorRan = place.step % m_interval == 0;
    if (!m_generatorRan)
        return;
    constexpr int32_t otherNoise = 0x3c6ef372; // the generator is judged on samples the discriminator has not seen
    std::array<int32_t, 4> random = place.random;
    random[1] ^= otherNoise;
    run(*m_generator, random, place.learningRate * m_rateRatio, place.step / m_interval);
}

StepResult GameStepper::result(bool before) const
{
    StepResult result;
    result.loss = m_discriminator->readNumber("loss", before);
    result.generatorLoss = m_generator->readNumber("loss", before && m_generatorRan);
    return result;
}

bool GameStepper::readGradients(std::span<float> gradients) const
{
    if (!m_hasRun || !m_discriminator->hasOutput("gradients"))
        return false;
    const auto generator = static_cast<size_t>(m_generator->outputType("gradients").shape.elements());
    m_generator->read("gradients", gradients.first(generator));
    m_discriminator->read("gradients", gradients.subspan(generator));
    return true;
}

Weights GameStepper::slots() const
{
    if (!m_memory.slots)
        return {};
    Weights all = downloadSlots(m_discriminator->program(), *m_memory.slots);
    all.merge(downloadSlots(m_generator->program(), *m_memory.slots));
    return all;
}

Status GameStepper::setSlots(const Weights& slots)
{
    if (!m_memory.slots)
        return {};
    if (Status status = uploadSlots(m_discriminator->program(), slots, *m_memory.slots); !status)
        return status;
    return uploadSlots(m_generator->program(), slots, *m_memory.slots);
}

} // namespace gradloom::train
