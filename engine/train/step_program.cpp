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
    return result;
}

/// The mean of `perSample` over the samples that count.
ValueId weightedMean(ir::Builder& b, ValueId perSample, ValueId weights, ValueId weightSum)
{
    return b.div(b.reduceAll("sum", b.mul(perSample, weights)), weightSum);
}

ValueId weightsInput(ir::Builder& b, int64_t batch)
{
    const ValueId existing = b.program().find("weights");
    return existing != noValue && b.program()[existing].input
               ? existing
               : b.input("weights", {Shape{batch}, DType::F32});
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

/// The gradients of all weights as one vector {P}; zero for weights that no loss depends on.
ValueId flatGradients(
    ir::Builder& b, const std::vector<ValueId>& weights, const std::vector<ValueId>& gradients)
{
    std::vector<ValueId> parts;
    for (size_t i = 0; i < weights.size(); ++i) {
        const Shape flat{b.shape(weights[i]).elements()};
        parts.push_back(gradients[i] == noValue
                            ? b.op("fill", {}, {{"shape", flat.toVector()}, {"value", 0.0}})
                            : b.reshape(gradients[i], flat));
    }
    return parts.size() == 1 ? parts[0] : b.op("concat", parts, {{"axis", int64_t{0}}});
}

std::vector<std::pair<ValueId, double>> lossList(const compile::Lowered& lowered)
{
    std::vector<std::pair<ValueId, double>> losses;
    for (const auto& loss : lowered.losses)
        losses.emplace_back(loss.perSample, loss.weight);
    return losses;
}

Error noLoss()
{
    return invalidArgument("The drawing has no loss, so there is nothing to train: add a loss node and "
                           "connect the network's output to it.");
}

void emitUpdate(ir::Builder& b, ValueId loss, const TrainingRecipe& recipe)
{
    const std::vector<ValueId> weights = trainableWeights(b.program());
    const std::vector<ValueId> gradients = ir::differentiate(b, loss, weights);
    const std::string before = b.setNode("");
    const ValueId flat = flatGradients(b, weights, gradients);
    if (recipe.keepGradients)
        b.output("gradients", flat);
    const ValueId parameters = b.flatParameters();
    const ValueId rate = b.input("learning_rate", {Shape{1}, DType::F32});
    const ValueId step = b.input("step", {Shape{1}, DType::F32});
    OptimizerContext context{b, recipe.optimizerParams, parameters, flat, rate, step};
    recipe.optimizer->update(context);
    b.setNode(before);
}

} // namespace

ValueId lossesPerSample(ir::Builder& b, const std::vector<std::pair<ValueId, double>>& losses)
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
    auto lowered = compile::lower(graph, lowerOptions(options));
    if (!lowered)
        return lowered.error();
    if (lowered->losses.empty())
        return noLoss();
    ir::Builder& b = lowered->builder;
    if (b.program().parameterElements == 0)
        return invalidArgument(
            "The drawing has no weights to train: add a layer with weights, or unfreeze one.");

    const ValueId weights = weightsInput(b, options.batch);
    const ValueId weightSum = b.reduceAll("sum", weights);
    ValueId loss = weightedMean(b, lossesPerSample(b, lossList(*lowered)), weights, weightSum);
    if (lowered->penalty != noValue)
        loss = b.add(loss, lowered->penalty);
    b.output("loss", loss);
    for (const auto& [name, perSample] : lowered->metrics)
        if (!b.program().outputs.contains("metric:" + name)) // of several losses the first one counts
            b.output("metric:" + name, weightedMean(b, perSample, weights, weightSum));
    compile::fuseActivations(b.program());
    emitUpdate(b, loss, recipe);
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
    output("penalty", lowered->penalty);
    output("losses", lossesPerSample(b, lossList(*lowered)));
    for (const auto& [name, perSample] : lowered->metrics)
        if (!b.program().outputs.contains("metric:" + name))
            output("metric:" + name, perSample);
    // Running statistics change in training only; a judging pass must leave the model as it is.
    if (options.training)
        b.program().updates.clear();
    compile::fuseActivations(b.program());
    return std::move(b.program());
}

} // namespace gradloom::train
