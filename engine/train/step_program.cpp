#include "engine/train/step_program.h"

#include "engine/compile/lower.h"
#include "engine/compile/plan.h"
#include "engine/tensor/picture_change.h"

#include <algorithm>
#include <map>

namespace gradloom::train {

namespace {

using ir::noValue;
using ir::ValueId;

compile::LowerOptions lowerOptions(const ProgramOptions& options)
{
    compile::LowerOptions result;
    result.batch = options.batch;
    result.share = options.share;
    result.training = options.training;
    result.labels = options.labels;
    result.watch = options.watch;
    result.side = options.side;
    return result;
}

/// One number for each sample ({N}) that decides how it counts: "weights" or "filled".
ValueId sampleInput(ir::Builder& b, const std::string& name, int64_t batch)
{
    const ValueId known = b.program().find(name);
    const bool there = known != noValue && b.program()[known].input;
    return there ? known : b.input(name, {Shape{batch}, DType::F32});
}

ValueId weightedSum(ir::Builder& b, ValueId perSample, ValueId weights)
{
    return b.reduceAll("sum", b.mul(perSample, weights));
}

/// Numbers of a share ({1} each) become those of the whole batch: all are added up in one go.
void addUpShares(ir::Builder& b, const layers::Share& share, std::vector<ValueId>& numbers)
{
    if (share.count == 0)
        return;
    const ValueId own = numbers.size() == 1 ? numbers[0] : b.op("concat", numbers, {{"axis", int64_t{0}}});
    const ValueId sums = b.op("sum_over_devices", {own});
    const std::vector<int64_t> one{1};
    for (size_t i = 0; i < numbers.size(); ++i) {
        const std::vector<int64_t> place{static_cast<int64_t>(i)};
        numbers[i] = numbers.size() == 1 ? sums : b.op("slice", {sums}, {{"start", place}, {"size", one}});
    }
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

/// The trainable weights of a step in the order of the flat buffer; noValue as the gradient of one that no
/// loss depends on.
struct Gradients
{
    std::vector<ValueId> weights;
    std::vector<ValueId> gradients; ///< of this share of the batch
    bool shared = false;
    ValueId whole = noValue; ///< as one vector, where that was asked for
};

Gradients gradientsOf(ir::Builder& b, ValueId loss, const WeightRange& range)
{
    Gradients result;
    result.weights = trainableWeights(b.program());
    std::erase_if(result.weights, [&](ValueId id) { return !range.contains(b.program()[id]); });
    result.gradients = ir::differentiate(b, loss, result.weights);
    return result;
}

/// Gradients of the weights [first, last) as one vector.
ValueId flattened(ir::Builder& b, const Gradients& all, size_t first, size_t last)
{
    std::vector<ValueId> parts;
    for (size_t i = first; i < last; ++i) {
        const Shape flat{b.shape(all.weights[i]).elements()};
        parts.push_back(all.gradients[i] == noValue
                            ? b.op("fill", {}, {{"shape", flat.toVector()}, {"value", 0.0}})
                            : b.reshape(all.gradients[i], flat));
    }
    return parts.size() == 1 ? parts[0] : b.op("concat", parts, {{"axis", int64_t{0}}});
}

ValueId wholeGradient(ir::Builder& b, Gradients& all)
{
    if (all.whole != noValue)
        return all.whole;
    all.whole = flattened(b, all, 0, all.weights.size());
    if (all.shared)
        all.whole = b.op("sum_over_devices", {all.whole});
    return all.whole;
}

/// The operation that made a table's gradient if rows without a gradient shall be left alone.
const ir::Op* rowsGradient(const ir::Program& program, ValueId gradient)
{
    if (gradient == noValue)
        return nullptr;
    const auto it = std::find_if(program.ops.begin(), program.ops.end(),
        [&](const ir::Op& op) { return op.type->id == "gather_gradient" && op.outputs[0] == gradient; });
    return it != program.ops.end() && it->attributes.has("sparse") ? &*it : nullptr;
}

/// The weights [first, last) as a vector.
WeightPart rangeOf(ir::Builder& b, Gradients& all, size_t first, size_t last)
{
    const int64_t begin = b.program()[all.weights[first]].offset;
    const ir::Value& end = b.program()[all.weights[last - 1]];
    const int64_t count = end.offset + end.type.shape.elements() - begin;
    const bool isWhole = last - first == all.weights.size();
    const ValueId gradients = isWhole ? wholeGradient(b, all) : flattened(b, all, first, last);
    return {
        b.flatParameters(begin, count), gradients, noValue, first == 0 ? "" : ":" + std::to_string(begin)};
}

/// What is updated together: ranges of the flat buffer, and between them tables of which only some rows move.
std::vector<WeightPart> partsOf(ir::Builder& b, Gradients& all, const UpdateRule& rule)
{
    std::vector<WeightPart> parts;
    size_t first = 0;
    for (size_t i = 0; i < all.weights.size(); ++i) {
        const ir::Op* op = rowsGradient(b.program(), all.gradients[i]);
        if (!op || all.shared || !movesSingleRows(rule)) // each device has other rows
            continue;
        if (first < i)
            parts.push_back(rangeOf(b, all, first, i));
        const ir::Op dense = *op; // the list of operations grows
        const std::string before = b.setNode(dense.node);
        const auto rows = b.ops("gather_gradient_rows", dense.inputs, dense.attributes);
        b.setNode(before);
        parts.push_back({all.weights[i], rows[0], rows[1], ":" + b.program()[all.weights[i]].name});
        first = i + 1;
    }
    if (first < all.weights.size())
        parts.push_back(rangeOf(b, all, first, all.weights.size()));
    return parts;
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

/// A picture that is painted has no right and wrong pixels; its accuracy would only mislead.
bool paintsPictures(const compile::Lowered& lowered)
{
    if (lowered.answers.empty() || lowered.answers.front().classes)
        return false;
    return lowered.builder.shape(lowered.answers.front().probabilities).rank() == 4;
}

/// The metrics that are shown: of several losses the first one counts.
std::map<std::string, ValueId> metricsOf(const compile::Lowered& lowered)
{
    std::map<std::string, ValueId> metrics;
    for (const auto& [name, perSample] : lowered.metrics)
        metrics.emplace(name, perSample);
    if (paintsPictures(lowered))
        metrics.erase("accuracy");
    return metrics;
}

struct StepLoss
{
    ValueId learned = noValue;   ///< {1}, what gradients are taken of: this share's part of the loss
    ValueId weightSum = noValue; ///< {1}, what all samples count
};

/// Writes the loss and the metrics: sums over the samples, divided by what these count.
StepLoss emitLoss(compile::Lowered& lowered, const ProgramOptions& options)
{
    ir::Builder& b = lowered.builder;
    const auto metrics = metricsOf(lowered);
    const ValueId weights = sampleInput(b, "weights", options.batch);
    const ValueId filled = metrics.empty() ? noValue : sampleInput(b, "filled", options.batch);
    // Added up before the losses, because gradients do not depend on it.
    std::vector<ValueId> counts{b.reduceAll("sum", weights)};
    if (filled != noValue)
        counts.push_back(b.reduceAll("sum", filled));
    addUpShares(b, options.share, counts);
    for (ValueId& count : counts)
        count = b.unary("maximum_scalar", count, 1e-30); // what counts nothing has a mean of 0, not of 0/0
    const ValueId losses = weightedSum(b, lossesPerSample(b, lossList(lowered, options.side)), weights);
    std::vector<ValueId> sums{losses};
    for (const auto& [name, perSample] : metrics)
        sums.push_back(weightedSum(b, perSample, filled));
    addUpShares(b, options.share, sums);
    const ValueId penalty = lowered.penalty;
    const auto lossOf = [&](ValueId sum, int64_t shares) {
        const ValueId mean = b.div(sum, counts[0]);
        if (penalty == noValue)
            return mean;
        return b.add(mean, shares > 1 ? b.scale(penalty, 1.0 / static_cast<double>(shares)) : penalty);
    };
    const ValueId loss = lossOf(sums[0], 1);
    b.output("loss", loss);
    size_t next = 1;
    for (const auto& [name, perSample] : metrics)
        b.output("metric:" + name, b.div(sums[next++], counts[1]));
    return {options.share.count > 0 ? lossOf(losses, options.share.count) : loss, counts[0]};
}

/// What the network takes becomes the result of `augment`, whose operands the caller writes.
void augmentInput(ir::Program& program, int64_t views)
{
    const ValueId pictures = program.find("input");
    if (views == 0 || pictures == noValue || program.typeOf(pictures).shape.rank() != 4)
        return; // of what are no pictures the data's Error tells
    program[pictures].input = false;
    program[pictures].name.clear();
    const Shape x = program.typeOf(pictures).shape;
    const auto addInput = [&](const char* name, const Shape& shape, DType dtype) {
        ir::Value value;
        value.type = {shape, dtype};
        value.name = name;
        value.input = true;
        program.values.push_back(std::move(value));
        return static_cast<ValueId>(program.values.size() - 1);
    };
    ir::Op op;
    op.type = ir::opTypes().find("augment");
    op.inputs = {addInput("input", x.withoutFirst().prepended(views).prepended(x[0]), DType::F32),
        addInput("changes", Shape{x[0], views, PictureChange::floats + x[3]}, DType::F32),
        addInput("noise", Shape{x[0], views, NoisePlace::integers}, DType::I32)};
    op.outputs = {pictures};
    op.node = program[pictures].node;
    program.ops.insert(program.ops.begin(), std::move(op));
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
    augmentInput(b.program(), options.augmentedViews);
    const StepLoss loss = emitLoss(*lowered, options);
    compile::fuseActivations(b.program());
    Gradients gradients;
    try {
        gradients = gradientsOf(b, loss.learned, WeightRange(*lowered, options.side));
    } catch (const ir::NotDifferentiable& error) {
        return invalidArgument(
            "The gradient penalty differentiates twice, which \"" + error.node() +
                "\" does not allow. Take it out of the discriminator, or set the penalty to 0.",
            error.node());
    }
    gradients.shared = options.share.count > 0;
    const std::string before = b.setNode("");
    if (keepGradients)
        b.output("gradients", wholeGradient(b, gradients));
    finish(*lowered, gradients, loss.weightSum);
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
        [&](compile::Lowered& lowered, Gradients& gradients, ValueId weightSum) {
            ir::Builder& b = lowered.builder;
            b.reserveSlots(recipe.slotOffset);
            emitUpdate(b, partsOf(b, gradients, recipe.rule), weightSum, recipe.rule, lowered.maxNorms);
        });
}

Result<ir::Program> accumulationProgram(
    const graph::Graph& graph, const ProgramOptions& options, const TrainingRecipe& recipe)
{
    return stepProgram(graph, options, recipe.keepGradients,
        [](compile::Lowered& lowered, Gradients& gradients, ValueId weightSum) {
            emitAccumulation(lowered.builder, wholeGradient(lowered.builder, gradients), weightSum);
        });
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
        return unsupported(
            "The drawing makes no new samples: that takes a GAN (Real or fake, GAN objective) or a "
            "variational autoencoder (Sample z).");
    ir::Program& program = lowered->builder.program();
    program.outputs = {{"generated", lowered->generated}};
    program.updates.clear();
    compile::fuseActivations(program);
    return std::move(program);
}

} // namespace gradloom::train
