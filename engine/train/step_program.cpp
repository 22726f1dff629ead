#include "engine/train/step_program.h"

#include "engine/compile/lower.h"
#include "engine/compile/plan.h"

#include <algorithm>

namespace gradloom::train {

namespace {

using ir::noValue;
using ir::ValueId;

compile::LowerOptions lowerOptions(const ProgramOptions& options)
{
    compile::LowerOptions result;
    result.batch = options.batch;
    result.training = options.training;
    result.labels = options.labels;
    result.watch = options.watch;
    result.side = options.side;
    return result;
}

/// One number for each sample that decides how it counts: "weights" or "filled".
struct SampleWeights
{
    ValueId each = noValue; ///< {N}
    ValueId sum = noValue;  ///< {1}
};

SampleWeights sampleWeights(ir::Builder& b, const std::string& name, int64_t batch)
{
    const ValueId known = b.program().find(name);
    const bool there = known != noValue && b.program()[known].input;
    SampleWeights result;
    result.each = there ? known : b.input(name, {Shape{batch}, DType::F32});
    // A batch of which nothing counts has a loss of 0, not of 0/0.
    result.sum = b.unary("maximum_scalar", b.reduceAll("sum", result.each), 1e-30);
    return result;
}

ValueId weightedMean(ir::Builder& b, ValueId perSample, const SampleWeights& weights)
{
    return b.div(b.reduceAll("sum", b.mul(perSample, weights.each)), weights.sum);
}

/// All trainable weights in the order of the flat buffer.
std::vector<ValueId> trainableWeights(const ir::Program& program)
{
    std::vector<ValueId> result;
    for (size_t i = 0; i < program.values.size(); ++i)
        if (program.values[i].segment == ir::Segment::Parameters)
            result.push_back(static_cast<ValueId>(i));
    std::sort(result.begin(), result.end(),
        [&](ValueId a, ValueId b) { return program[a].offset < program[b].offset; });
    return result;
}

/// The part of the flat buffer that a step changes.
struct WeightRange
{
    int64_t first = 0;
    int64_t count = 0;

    WeightRange(const compile::Lowered& lowered, layers::Side side)
    {
        const int64_t all = lowered.builder.program().parameterElements;
        first = side == layers::Side::Discriminator ? lowered.generatorElements : 0;
        count = side == layers::Side::Generator ? lowered.generatorElements : all - first;
    }
    bool contains(const ir::Value& weight) const
    {
        return weight.offset >= first && weight.offset < first + count;
    }
};

/// The gradients of the trainable weights in `range` as one vector; zero for weights that no loss depends on.
ValueId flatGradients(ir::Builder& b, ValueId loss, const WeightRange& range)
{
    std::vector<ValueId> weights = trainableWeights(b.program());
    std::erase_if(weights, [&](ValueId id) { return !range.contains(b.program()[id]); });
    const std::vector<ValueId> gradients = ir::differentiate(b, loss, weights);
    const std::string before = b.setNode("");
    std::vector<ValueId> parts;
    for (size_t i = 0; i < weights.size(); ++i) {
        const Shape flat{b.shape(weights[i]).elements()};
        parts.push_back(gradients[i] == noValue
                            ? b.op("fill", {}, {{"shape", flat.toVector()}, {"value", 0.0}})
                            : b.reshape(gradients[i], flat));
    }
    const ValueId all = parts.size() == 1 ? parts[0] : b.op("concat", parts, {{"axis", int64_t{0}}});
    b.setNode(before);
    return all;
}

std::vector<std::pair<ValueId, double>> lossList(const compile::Lowered& lowered, layers::Side side)
{
    std::vector<std::pair<ValueId, double>> losses;
    for (const auto& loss : lowered.losses)
        if (!lowered.game || loss.adversarial || side != layers::Side::Discriminator)
            losses.emplace_back(loss.perSample, loss.weight);
    return losses;
}

Error noLoss()
{
    return invalidArgument("The drawing has no loss, so there is nothing to train: add a loss node and "
                           "connect the network's output to it.");
}

Status checkTrainable(const compile::Lowered& lowered, layers::Side side)
{
    if (lowered.losses.empty())
        return noLoss();
    if (side != layers::Side::None && WeightRange(lowered, side).count == 0)
        return invalidArgument(std::string("The ") +
                               (side == layers::Side::Generator ? "generator" : "discriminator") +
                               " has no weights to train: add a layer with weights, or unfreeze one.");
    if (lowered.builder.program().parameterElements == 0)
        return invalidArgument(
            "The drawing has no weights to train: add a layer with weights, or unfreeze one.");
    return {};
}

ValueId emitLoss(compile::Lowered& lowered, const SampleWeights& weights, layers::Side side)
{
    ir::Builder& b = lowered.builder;
    ValueId loss = weightedMean(b, lossesPerSample(b, lossList(lowered, side)), weights);
    if (lowered.penalty != noValue)
        loss = b.add(loss, lowered.penalty);
    b.output("loss", loss);
    return loss;
}

/// A picture that is painted has no right and wrong pixels; its accuracy would only mislead.
bool paintsPictures(const compile::Lowered& lowered)
{
    if (lowered.answers.empty() || lowered.answers.front().classes)
        return false;
    return lowered.builder.shape(lowered.answers.front().probabilities).rank() == 4;
}

void emitMetrics(compile::Lowered& lowered, int64_t batch)
{
    if (paintsPictures(lowered))
        std::erase_if(lowered.metrics, [](const auto& metric) { return metric.first == "accuracy"; });
    if (lowered.metrics.empty())
        return;
    ir::Builder& b = lowered.builder;
    const SampleWeights filled = sampleWeights(b, "filled", batch);
    for (const auto& [name, perSample] : lowered.metrics)
        if (!b.program().outputs.contains("metric:" + name)) // of several losses the first one counts
            b.output("metric:" + name, weightedMean(b, perSample, filled));
}

/// Forward pass, losses and gradients; `finish` says what becomes of the gradients.
template <typename Finish>
Result<ir::Program> stepProgram(
    const graph::Graph& graph, const ProgramOptions& options, bool keepGradients, const Finish& finish)
{
    auto lowered = compile::lower(graph, lowerOptions(options));
    if (!lowered)
        return lowered.error();
    if (Status status = checkTrainable(*lowered, options.side); !status)
        return status.error();
    ir::Builder& b = lowered->builder;
    const SampleWeights weights = sampleWeights(b, "weights", options.batch);
    const ValueId loss = emitLoss(*lowered, weights, options.side);
    emitMetrics(*lowered, options.batch);
    compile::fuseActivations(b.program());
    ValueId gradients = noValue;
    try {
        gradients = flatGradients(b, loss, WeightRange(*lowered, options.side));
    } catch (const ir::NotDifferentiable& error) {
        return invalidArgument("The gradient penalty differentiates twice, which \"" + error.node() +
                                   "\" does not allow. Take it out of the discriminator, or set the penalty to 0.",
            error.node());
    }
    if (keepGradients)
        b.output("gradients", gradients);
    const std::string before = b.setNode("");
    finish(*lowered, gradients, weights.sum);
    b.setNode(before);
    return std::move(b.program());
}

} // namespace

ValueId lossesPerSample(ir::Builder& b, const std::vector<std::pair<ir::ValueId, double>>& losses)
{
    ValueId sum = noValue;
    for (const auto& [perSample, weight] : losses) {
        const ValueId term = weight == 1.0 ? perSample : b.scale(perSample, weight);
        sum = sum == noValue ? term : b.add(sum, term);
    }
    return sum;
}

Result<ir::Program> trainingProgram(
    const graph::Graph& graph, const ProgramOptions& options, const TrainingRecipe& recipe)
{
    return stepProgram(graph, options, recipe.keepGradients,
        [&](compile::Lowered& lowered, ValueId gradients, ValueId weightSum) {
            ir::Builder& b = lowered.builder;
            const WeightRange range(lowered, options.side);
            const ValueId parameters = b.flatParameters(range.first, range.count);
            std::erase_if(lowered.maxNorms,
                [&](const auto& limit) { return !range.contains(b.program()[limit.weight]); });
            b.reserveSlots(recipe.slotOffset);
            emitUpdate(b, parameters, gradients, weightSum, recipe.rule, lowered.maxNorms);
        });
}

Result<ir::Program> accumulationProgram(
    const graph::Graph& graph, const ProgramOptions& options, const TrainingRecipe& recipe)
{
    return stepProgram(graph, options, recipe.keepGradients,
        [](compile::Lowered& lowered, ValueId gradients, ValueId weightSum) {
            emitAccumulation(lowered.builder, gradients, weightSum);
        });
}

Result<ir::Program> updateProgram(
    const graph::Graph& graph, const ProgramOptions& options, const TrainingRecipe& recipe)
{
    auto lowered = compile::lower(graph, lowerOptions(options));
    if (!lowered)
        return lowered.error();
    if (Status status = checkTrainable(*lowered, options.side); !status)
        return status.error();
    ir::Builder& b = lowered->builder;
    b.program().outputs.clear();
    b.program().updates.clear(); // running statistics belong to the steps that see samples
    b.setNode("");
    emitUpdate(b, b.flatParameters(), noValue, noValue, recipe.rule, lowered->maxNorms);
    return std::move(b.program());
}

Result<ir::Program> forwardProgram(const graph::Graph& graph, const ProgramOptions& options)
{
    auto lowered = compile::lower(graph, lowerOptions(options));
    if (!lowered)
        return lowered.error();
    ir::Builder& b = lowered->builder;
    const auto output = [&](const std::string& name, ValueId value) {
        if (value != noValue)
            b.output(name, value);
    };
    output("probabilities", lowered->probabilities);
    output("scores", lowered->scores);
    for (size_t i = 0; i < lowered->answers.size(); ++i) {
        const auto& answer = lowered->answers[i];
        const std::string which = i == 0 ? "" : ":" + answer.node;
        output("probabilities" + which, answer.probabilities);
        output((answer.classes ? "true classes" : "true numbers") + which, answer.truth);
        output("steps that count" + which, answer.steps);
    }
    output("penalty", lowered->penalty);
    output("losses", lossesPerSample(b, lossList(*lowered, options.side)));
    for (const auto& [name, perSample] : lowered->metrics)
        if (!b.program().outputs.contains("metric:" + name))
            output("metric:" + name, perSample);
    // Running statistics change in training only; a judging pass must leave the model as it is.
    if (options.training)
        b.program().updates.clear();
    compile::fuseActivations(b.program());
    return std::move(b.program());
}

Result<ir::Program> generatingProgram(const graph::Graph& graph, const ProgramOptions& options)
{
    compile::LowerOptions lowering = lowerOptions(options);
    lowering.generate = true;
    auto lowered = compile::lower(graph, lowering);
    if (!lowered)
        return lowered.error();
    if (!lowered->generative || lowered->generated == noValue)
        return unsupported("The drawing makes no new samples: that takes a GAN (Real or fake, GAN objective) or a "
                           "variational autoencoder (Sample z).");
    ir::Program& program = lowered->builder.program();
    program.outputs = {{"generated", lowered->generated}};
    program.updates.clear();
    compile::fuseActivations(program);
    return std::move(program);
}

} // namespace gradloom::train
