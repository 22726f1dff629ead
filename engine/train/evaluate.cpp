#include "engine/train/evaluate.h"

#include "engine/train/step_program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace gradloom::train {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double share(int64_t part, int64_t whole)
{
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

Result<LoadedProgram*> forward(Model& model, int64_t batch)
{
    return model.program("forward:" + std::to_string(batch), [&] {
        ProgramOptions options;
        options.batch = batch;
        options.labels = model.labels();
        return forwardProgram(model.graph(), options);
    });
}

Status checkSamples(const LoadedProgram& program, const Shape& sample)
{
    const TensorType* input = program.inputType("input");
    if (input && !(input->shape.withoutFirst() == sample))
        return invalidArgument("The network takes samples of " + input->shape.withoutFirst().toString() +
                               " but these are " + sample.toString() + ".");
    return {};
}

/// Gathers what the batches of an evaluation give.
class Gathering
{
public:
    Gathering(const LoadedProgram& program, int64_t batch)
        : m_program(program),
          m_classes(program.hasOutput("metric:accuracy") && program.hasOutput("probabilities")),
          m_losses(program.hasOutput("losses") ? static_cast<size_t>(batch) : 0)
    {
        if (m_classes)
            m_probabilities = Tensor(program.outputType("probabilities").shape);
    }

    void take(const data::Batch& batch)
    {
        const auto count = static_cast<size_t>(batch.count);
        if (!m_losses.empty()) {
            m_program.read("losses", m_losses);
            for (size_t i = 0; i < count; ++i)
                lossSum += m_losses[i];
        }
        if (!m_classes)
            return;
        m_program.read("probabilities", m_probabilities.floats());
        const size_t columns = m_probabilities.floats().size() / static_cast<size_t>(batch.size());
        for (size_t i = 0; i < count; ++i) {
            truth.push_back(batch.labels.as<int32_t>()[i]);
            predicted.push_back(predictedClass(m_probabilities.floats().subspan(i * columns, columns)));
        }
    }

    bool classes() const { return m_classes; }
    double lossSum = 0;
    std::vector<int32_t> truth;
    std::vector<int32_t> predicted;

private:
    const LoadedProgram& m_program;
    bool m_classes;
    std::vector<float> m_losses;
    Tensor m_probabilities;
};

} // namespace

int32_t predictedClass(std::span<const float> probabilities)
{
    if (probabilities.size() == 1)
        return probabilities[0] > 0.5f ? 1 : 0;
    return static_cast<int32_t>(
        std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
}

Evaluation scoreClasses(std::span<const int32_t> truth, std::span<const int32_t> predicted, int64_t classes)
{
    // A network may have more columns than the data has classes; each gets its place in the table.
    for (const int32_t label : predicted)
        classes = std::max<int64_t>(classes, label + 1);
    const auto size = static_cast<size_t>(classes);
    Evaluation result;
    result.samples = static_cast<int64_t>(truth.size());
    result.confusion.assign(size, std::vector<int64_t>(size, 0));
    int64_t right = 0;
    for (size_t i = 0; i < truth.size(); ++i) {
        ++result.confusion[static_cast<size_t>(truth[i])][static_cast<size_t>(predicted[i])];
        right += truth[i] == predicted[i];
    }
    result.accuracy = share(right, result.samples);
    for (size_t c = 0; c < size; ++c) {
        ClassScore score;
        int64_t claimed = 0;
        for (size_t other = 0; other < size; ++other) {
            score.support += result.confusion[c][other];
            claimed += result.confusion[other][c];
        }
        score.precision = share(result.confusion[c][c], claimed);
        score.recall = share(result.confusion[c][c], score.support);
        const double sum = score.precision + score.recall;
        score.f1 = sum > 0 ? 2 * score.precision * score.recall / sum : 0;
        result.macroPrecision += score.precision / static_cast<double>(classes);
        result.macroRecall += score.recall / static_cast<double>(classes);
        result.macroF1 += score.f1 / static_cast<double>(classes);
        result.perClass.push_back(score);
    }
    return result;
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
    if (Status status = checkSamples(run, part.dataset->sampleShape()); !status)
        return status.error();
    data::Batch batch(part.dataset->sampleShape(), options.batch);
    Gathering gathering(run, options.batch);
    double penalty = 0;
    for (int64_t first = 0; first < part.count(); first += batch.size()) {
        if (options.cancelled && options.cancelled())
            return Error{ErrorCode::Internal, "The evaluation was stopped.", {}};
        data::fillBatch(part, first, preprocess, batch);
        run.write("input", batch.samples);
        run.write("labels", batch.labels);
        run.write("weights", batch.weights);
        run.run();
        gathering.take(batch);
        if (first == 0 && run.hasOutput("penalty"))
            penalty = run.readNumber("penalty");
        if (options.progress)
            options.progress(std::min(first + batch.size(), part.count()), part.count());
    }
    Evaluation result;
    if (gathering.classes())
        result = scoreClasses(gathering.truth, gathering.predicted, classes);
    else
        result.accuracy = result.macroPrecision = result.macroRecall = result.macroF1 = nan;
    result.samples = part.count();
    result.loss =
        run.hasOutput("losses") ? gathering.lossSum / static_cast<double>(part.count()) + penalty : nan;
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
    if (Status status = checkSamples(run, samples.shape().withoutFirst()); !status)
        return status.error();
    Tensor input(samples.shape().withoutFirst().prepended(batch));
    Tensor output(run.outputType("probabilities").shape);
    const int64_t inputElements = input.elements() / batch;
    const int64_t outputElements = output.elements() / batch;
    Tensor result(output.shape().withoutFirst().prepended(count));
    for (int64_t first = 0; first < count; first += batch) {
        const auto here = static_cast<size_t>(std::min(batch, count - first));
        std::memcpy(input.data(), samples.floats().data() + first * inputElements,
            here * static_cast<size_t>(inputElements) * sizeof(float));
        run.write("input", input);
        run.run();
        run.read("probabilities", output.floats());
        std::memcpy(result.floats().data() + first * outputElements, output.data(),
            here * static_cast<size_t>(outputElements) * sizeof(float));
    }
    return result;
}

} // namespace gradloom::train
