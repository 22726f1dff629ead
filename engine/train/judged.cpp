#include "engine/train/judged.h"

#include <algorithm>
#include <cmath>

namespace gradloom::train {

namespace {

Tensor roomFor(const LoadedProgram& program, const std::string& output)
{
    const TensorType& type = program.outputType(output);
    return Tensor(type.shape, type.dtype);
}

} // namespace

void NumberSums::add(double prediction, double truth)
{
    // Welford 1962: one pass without the cancellation of Σt² − (Σt)²/n.
    const double delta = truth - mean;
    mean += delta / static_cast<double>(++count);
    spread += delta * (truth - mean);
    const double error = prediction - truth;
    absolute += std::abs(error);
    squares += error * error;
}

double Judged::probability(int64_t row, int64_t label) const
{
    if (columns > 1)
        return probabilities[static_cast<size_t>(row * columns + label)];
    const double yes = probabilities[static_cast<size_t>(row)];
    return label == 1 ? yes : 1.0 - yes;
}

int32_t predictedClass(std::span<const float> probabilities)
{
    if (probabilities.size() == 1)
        return probabilities[0] > 0.5f ? 1 : 0;
    return static_cast<int32_t>(
        std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin());
}

std::vector<ClassCounts> countClasses(
    std::span<const int32_t> truth, std::span<const int32_t> predicted, int64_t classes)
{
    // A network may have more columns than the data has classes; each gets its place.
    for (const auto& labels : {truth, predicted})
        for (const int32_t label : labels)
            classes = std::max<int64_t>(classes, label + 1);
    std::vector<ClassCounts> counts(static_cast<size_t>(classes));
    for (size_t i = 0; i < truth.size(); ++i) {
        ++counts[static_cast<size_t>(truth[i])].support;
        ++counts[static_cast<size_t>(predicted[i])].claimed;
        counts[static_cast<size_t>(truth[i])].right += truth[i] == predicted[i];
    }
    return counts;
}

Judging::Judging(const LoadedProgram& program, int64_t batch, int64_t largestTable, const std::string& loss)
    : m_program(program), m_largestTable(static_cast<size_t>(largestTable))
{
    const std::string which = loss.empty() ? "" : ":" + loss;
    const bool classes = program.hasOutput("true classes" + which);
    m_names = {"probabilities" + which, (classes ? "true classes" : "true numbers") + which,
        "steps that count" + which};
    if (!program.hasOutput(m_names.prediction) || !program.hasOutput(m_names.truth))
        return;
    m_probabilities = roomFor(program, m_names.prediction);
    m_truth = roomFor(program, m_names.truth);
    const int64_t outputs = m_probabilities.elements() / batch;
    if (!classes) {
        if (m_truth.dtype() != DType::F32 || m_truth.elements() != m_probabilities.elements())
            return; // numbers against class labels: the loss says all there is to say
        m_judged.task = Judged::Task::Numbers;
        const ir::Value& truth = program.program()[program.program().outputs.at(m_names.truth)];
        m_judged.reconstruction = truth.input && truth.name == "input";
        m_judged.outputs.resize(static_cast<size_t>(outputs));
        return;
    }
    m_judged.task = Judged::Task::Classes;
    const Shape& shape = m_probabilities.shape();
    m_judged.columns =
        m_truth.dtype() == DType::I32 ? m_probabilities.elements() / m_truth.elements() : shape[-1];
    m_rowsOfSample = static_cast<size_t>(outputs / m_judged.columns);
    m_judged.steps = shape.rank() > 2;
    if (program.hasOutput(m_names.mask))
        m_mask = roomFor(program, m_names.mask);
}

void Judging::take(int64_t count)
{
    if (m_judged.task == Judged::Task::Nothing)
        return;
    m_program.read(m_names.prediction, m_probabilities);
    const bool classes = m_judged.task == Judged::Task::Classes;
    m_program.read(m_names.truth, m_truth);
    if (!classes) {
        takeNumbers(count);
        return;
    }
    if (!m_mask.empty())
        m_program.read(m_names.mask, m_mask);
    const size_t rows = static_cast<size_t>(count) * m_rowsOfSample;
    for (size_t row = 0; row < rows; ++row)
        if (m_mask.empty() || m_mask.floats()[row] > 0)
            takeRow(row);
}

int32_t Judging::trueClass(size_t row) const
{
    if (m_truth.dtype() == DType::I32)
        return m_truth.as<int32_t>()[row];
    const auto columns = static_cast<size_t>(m_judged.columns);
    return predictedClass(m_truth.floats().subspan(row * columns, columns));
}

void Judging::takeRow(size_t row)
{
    const auto columns = static_cast<size_t>(m_judged.columns);
    const auto said = m_probabilities.floats().subspan(row * columns, columns);
    const int32_t label = trueClass(row);
    if (label < 0 || (columns > 1 && static_cast<size_t>(label) >= columns))
        return; // a label that the loss does not judge either
    m_judged.truth.push_back(label);
    m_judged.predicted.push_back(predictedClass(said));
    double own = 0;
    int32_t rank = 0;
    if (columns == 1) {
        own = label == 1 ? said[0] : 1.0 - said[0];
        rank = m_judged.predicted.back() == label ? 0 : 1;
    } else {
        own = said[static_cast<size_t>(label)];
        for (size_t c = 0; c < columns; ++c)
            rank += static_cast<double>(said[c]) > own ||
                    (said[c] == said[static_cast<size_t>(label)] && c < static_cast<size_t>(label));
    }
    m_judged.rank.push_back(rank);
    m_judged.logLikelihood += std::log(std::max(own, 1e-30));
    if (m_kept && m_judged.probabilities.size() + columns <= m_largestTable) {
        m_judged.probabilities.insert(m_judged.probabilities.end(), said.begin(), said.end());
    } else {
        m_kept = false;
        m_judged.probabilities = {};
    }
}

void Judging::takeNumbers(int64_t count)
{
    const size_t outputs = m_judged.outputs.size();
    const auto prediction = m_probabilities.floats();
    const auto truth = m_truth.floats();
    for (size_t i = 0; i < static_cast<size_t>(count) * outputs; ++i)
        m_judged.outputs[i % outputs].add(prediction[i], truth[i]);
}

Judged Judging::finish(int64_t classes)
{
    const bool several = m_judged.columns > 1;
    const int64_t least = m_judged.steps ? 0 : several ? std::min(classes, m_judged.columns) : 2;
    if (m_judged.task == Judged::Task::Classes)
        m_judged.classes = countClasses(m_judged.truth, m_judged.predicted, least);
    return std::move(m_judged);
}

} // namespace gradloom::train
