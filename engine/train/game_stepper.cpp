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
    const UpdateRule& rule = stepper->m_options.recipe.rule;
    const UpdateRule& other = stepper->m_options.generatorRule.optimizer ? stepper->m_options.generatorRule : rule;
    const double rate = rule.params.real("learning_rate");
    stepper->m_rateRatio = rate > 0 ? other.params.real("learning_rate") / rate : 1;
    if (Status status = stepper->load(model, stepper->m_options, makePrograms); !status)
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

void GameStepper::begin(const data::Batch& batch, const StepPlace& place)
{
    const auto run = [&](SharedProgram& program, std::array<int32_t, 4> random, double rate, int64_t update) {
        program.writeBatch(m_writer, batch, batch.weights);
        program.write("random", std::as_bytes(std::span(random)));
        program.write("learning_rate", static_cast<float>(rate));
        program.write("step", static_cast<float>(update + 1));
        program.run();
    };
    run(discriminator(), place.random, place.learningRate, place.step);
    m_hasRun = true;
    m_generatorRan = place.step % m_interval == 0;
    if (!m_generatorRan)
        return;
    constexpr int32_t otherNoise = 0x3c6ef372; // the generator is judged on samples the discriminator has not seen
    std::array<int32_t, 4> random = place.random;
    random[1] ^= otherNoise;
    run(generator(), random, place.learningRate * m_rateRatio, place.step / m_interval);
}

StepResult GameStepper::result(bool before) const
{
    StepResult result;
    result.loss = discriminator().first().readNumber("loss", before);
    result.generatorLoss = generator().first().readNumber("loss", before && m_generatorRan);
    return result;
}

bool GameStepper::readGradients(std::span<float> gradients) const
{
    if (!m_hasRun || !discriminator().first().hasOutput("gradients"))
        return false;
    const auto count = static_cast<size_t>(generator().first().outputType("gradients").shape.elements());
    generator().first().read("gradients", gradients.first(count));
    discriminator().first().read("gradients", gradients.subspan(count));
    return true;
}

Weights GameStepper::slots() const
{
    if (!m_memory.slots)
        return {};
    Weights all = downloadSlots(discriminator().first().program(), *m_memory.slots);
    all.merge(downloadSlots(generator().first().program(), *m_memory.slots));
    return all;
}

Status GameStepper::setSlots(const Weights& slots)
{
    if (!m_memory.slots)
        return {};
    Status status = uploadSlots(discriminator().first().program(), slots, *m_memory.slots);
    if (status)
        status = uploadSlots(generator().first().program(), slots, *m_memory.slots);
    weightsChanged();
    return status;
}

} // namespace gradloom::train
