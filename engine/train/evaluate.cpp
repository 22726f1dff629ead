#include "engine/train/evaluate.h"

#include "engine/graph/ports.h"
#include "engine/train/batch_writer.h"
#include "engine/train/metric_type.h"
#include "engine/train/step_program.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace gradloom::train {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Result<LoadedProgram*> forward(Model& model, int64_t batch)
{
    return model.program("forward:" + std::to_string(batch),
        [&] { return judgingProgram(model.graph(), model.labels(), batch); });
}

Status checkSamples(const LoadedProgram& program, const Tensor& samples)
{
    const TensorType* input = program.inputType("input");
    if (input && !(input->shape.withoutFirst() == samples.shape().withoutFirst()))
        return invalidArgument("The network takes samples of " + input->shape.withoutFirst().toString() +
                               " but these are " + samples.shape().withoutFirst().toString() + ".");
    if (input && input->dtype != samples.dtype())
        return invalidArgument(std::string("The network takes ") +
                               (input->dtype == DType::I32 ? "tokens" : "numbers") + " but these are " +
                               (samples.dtype() == DType::I32 ? "tokens." : "numbers."));
    return {};
}

/// Noise of a judging pass: always the same for the same batch, so that numbers can be compared.
void writeNoise(LoadedProgram& run, int64_t first)
{
    const std::array<int32_t, 4> random{0, 0, static_cast<int32_t>(first), static_cast<int32_t>(first >> 32)};
    run.write("random", std::as_bytes(std::span(random)));
}

/// Σ of the losses over the samples that are no filler.
class LossSum
{
public:
    LossSum(const LoadedProgram& program, int64_t batch)
        : m_program(program), m_losses(program.hasOutput("losses") ? static_cast<size_t>(batch) : 0)
    {
    }
    void take(int64_t count)
    {
        if (m_losses.empty())
            return;
        m_program.read("losses", m_losses);
        for (size_t i = 0; i < static_cast<size_t>(count); ++i)
            m_sum += m_losses[i];
    }
    double mean(int64_t samples) const
    {
        return m_losses.empty() ? nan : m_sum / static_cast<double>(samples);
    }

private:
    const LoadedProgram& m_program;
    std::vector<float> m_losses;
    double m_sum = 0;
};

/// Tables are for people; those of a vocabulary would take gigabytes.
constexpr size_t largestConfusion = 1000;

void addTables(Evaluation& result, const Judged& judged)
{
    const size_t size = judged.classes.size();
    if (size > largestConfusion)
        return;
    result.confusion.assign(size, std::vector<int64_t>(size, 0));
    for (size_t i = 0; i < judged.truth.size(); ++i)
        ++result.confusion[static_cast<size_t>(judged.truth[i])][static_cast<size_t>(judged.predicted[i])];
    for (const ClassCounts& counts : judged.classes)
        result.perClass.push_back({precisionOf(counts), recallOf(counts), f1Of(counts), counts.support});
}

Evaluation evaluationOf(const Judged& judged)
{
    Evaluation result;
    result.metrics = metricsOf(judged);
    const auto metric = [&](const char* id) {
        const auto it = result.metrics.find(id);
        return it == result.metrics.end() ? nan : it->second;
    };
    result.accuracy = metric("accuracy");
    result.macroPrecision = metric("precision");
    result.macroRecall = metric("recall");
    result.macroF1 = metric("f1");
    if (judged.task == Judged::Task::Classes)
        addTables(result, judged);
    return result;
}

/// Of the losses behind the first one, by node.
std::map<std::string, Judging> judgingOfOthers(const LoadedProgram& program, const EvaluateOptions& options)
{
    constexpr std::string_view prefix = "probabilities:";
    std::map<std::string, Judging> others;
    for (const auto& [name, value] : program.program().outputs)
        if (name.starts_with(prefix)) {
            const std::string loss = name.substr(prefix.size());
            others.emplace(loss, Judging(program, options.batch, options.largestTable, loss));
        }
    return others;
}

/// Sums over numbers in the target's own unit; `target` is its name, nothing where there is none.
Judged inOwnUnit(Judged judged, const std::optional<std::string>& target, const EvaluateOptions& options)
{
    const auto it = target ? options.deviations.find(*target) : options.deviations.end();
    if (it == options.deviations.end() || it->second.empty())
        return judged;
    for (size_t i = 0; i < judged.outputs.size(); ++i) {
        const double unit = it->second[i % it->second.size()];
        judged.outputs[i].mean *= unit;
        judged.outputs[i].absolute *= unit;
        judged.outputs[i].squares *= unit * unit;
        judged.outputs[i].spread *= unit * unit;
    }
    return judged;
}

std::optional<std::string> targetOf(const graph::Graph& graph, const std::string& loss)
{
    const graph::Node* node = graph.find(loss);
    return node ? graph::judgedTarget(graph, *node) : std::nullopt;
}

} // namespace

Evaluation scoreClasses(std::span<const int32_t> truth, std::span<const int32_t> predicted, int64_t classes)
{
    Judged judged;
    judged.task = Judged::Task::Classes;
    judged.truth.assign(truth.begin(), truth.end());
    judged.predicted.assign(predicted.begin(), predicted.end());
    judged.classes = countClasses(truth, predicted, classes);
    Evaluation result = evaluationOf(judged);
    result.samples = judged.rows();
    return result;
}

Result<ir::Program> judgingProgram(
    const graph::Graph& graph, const layers::TargetTypes& labels, int64_t batch)
{
    ProgramOptions options;
    options.batch = batch;
    options.labels = labels;
    options.side = layers::Side::Discriminator;
    return forwardProgram(graph, options);
}

int64_t validationBatch(int64_t batch, const backend::Planner& device)
{
    const int64_t most = EvaluateOptions().batch;
    return device.countsMemory() ? std::clamp<int64_t>(batch, 1, most) : most;
}

Status prepareEvaluation(Model& model, int64_t batch)
{
    const auto program = forward(model, batch);
    return program ? Status() : Status(program.error());
}

Result<Evaluation> evaluate(Model& model, const data::DataPart& part, const data::Preprocess& preprocess,
    int64_t classes, const EvaluateOptions& options)
{
    if (part.empty())
        return invalidArgument("There are no samples to evaluate on.");
    const auto begin = std::chrono::steady_clock::now();
    auto program = forward(model, options.batch);
    if (!program)
        return program.error();
    LoadedProgram& run = **program;
    const BatchWriter writer(model.labels());
    if (Status status = writer.check(run, *part.dataset); !status)
        return status.error();
    data::Batch batch(*part.dataset, options.batch);
    Judging judging(run, options.batch, options.largestTable);
    std::map<std::string, Judging> others = judgingOfOthers(run, options);
    LossSum losses(run, options.batch);
    double penalty = 0;
    for (int64_t first = 0; first < part.count(); first += batch.size()) {
        if (options.cancelled && options.cancelled())
            return Error{ErrorCode::Internal, "The evaluation was stopped.", {}};
        data::fillBatch(part, first, preprocess, batch);
        writer.write(run, batch);
        writeNoise(run, first);
        run.run();
        judging.take(batch.count);
        for (auto& [loss, other] : others)
            other.take(batch.count);
        losses.take(batch.count);
        if (first == 0 && run.hasOutput("penalty"))
            penalty = run.readNumber("penalty");
        if (options.progress)
            options.progress(std::min(first + batch.size(), part.count()), part.count());
    }
    const graph::Graph& graph = model.graph();
    Evaluation result = evaluationOf(inOwnUnit(judging.finish(classes), graph::judgedTarget(graph), options));
    for (auto& [loss, other] : others)
        for (const auto& [id, value] : metricsOf(inOwnUnit(other.finish(0), targetOf(graph, loss), options)))
            result.metrics.emplace(loss + "." + id, value);
    result.samples = part.count();
    result.loss = losses.mean(part.count()) + penalty;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
}

Result<Tensor> predict(Model& model, const Tensor& samples)
{
    const int64_t count = samples.shape()[0];
    const int64_t batch = count == 1 ? 1 : count <= 8 ? 8 : 64; // few sizes, so that few programs are kept
    auto program = forward(model, batch);
    if (!program)
        return program.error();
    LoadedProgram& run = **program;
    if (!run.hasOutput("probabilities"))
        return unsupported("The drawing has no loss node, so nothing says which output is the prediction.");
    if (Status status = checkSamples(run, samples); !status)
        return status.error();
    Tensor input(samples.shape().withoutFirst().prepended(batch), samples.dtype());
    Tensor output(run.outputType("probabilities").shape);
    const int64_t inputElements = input.elements() / batch;
    const int64_t outputElements = output.elements() / batch;
    Tensor result(output.shape().withoutFirst().prepended(count));
    for (int64_t first = 0; first < count; first += batch) {
        const auto here = static_cast<size_t>(std::min(batch, count - first));
        std::memcpy(input.data(),
            samples.data() + first * inputElements * static_cast<int64_t>(sizeof(float)),
            here * static_cast<size_t>(inputElements) * sizeof(float));
        run.write("input", input);
        writeNoise(run, first);
        run.run();
        run.read("probabilities", output.floats());
        std::memcpy(result.floats().data() + first * outputElements, output.data(),
            here * static_cast<size_t>(outputElements) * sizeof(float));
    }
    return result;
}

} // namespace gradloom::train
