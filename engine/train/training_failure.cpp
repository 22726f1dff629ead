#include "engine/graph/expand.h"
#include "engine/train/training_run.h"

#include <cmath>

namespace gradloom::train {

namespace {

const char* nameOfValue(double value)
{
    return std::isnan(value) ? "not a number (NaN)" : "infinite";
}

} // namespace

Error TrainingRun::numericalError(const std::string& what, const std::string& node) const
{
    std::string message = what;
    const graph::Origin origin = graph::originOf(m_project.graph, node);
    const graph::Node* found = m_project.graph.find(origin.node);
    if (found && found->type == "input")
        message += "the data set holds a value that is no finite number. Mend the data.";
    else if (found)
        message +=
            graph::nameOf(m_project.graph, node) +
            " is the first node whose result is no finite number. Choose a smaller learning rate (now " +
            formatParam(learningRate(m_position.step)) + ") or normalise the data.";
    else
        message += "choose a smaller learning rate (now " + formatParam(learningRate(m_position.step)) + ").";
    return {ErrorCode::Numerical, message + whatIsKept(), origin.node};
}

Error TrainingRun::deviceFailed(const backend::DeviceFailure& failure) const
{
    return {ErrorCode::Internal, failure.what() + whatIsKept(), {}};
}

std::string TrainingRun::whatIsKept() const
{
    const bool any = m_files && m_checkpointStep >= 0;
    return any ? " The last checkpoint in " + m_options.outDir->string() + " is kept." : std::string();
}

Error TrainingRun::stepFailed(float loss, int64_t step)
{
    const std::string what = std::string("The loss became ") + nameOfValue(loss) + " at step " +
                             std::to_string(step + 1) + " (epoch " +
                             std::to_string(step / m_stepsPerEpoch + 1) + "): ";
    auto node = nodeToBlame(step);
    return numericalError(what, node ? *node : std::string());
}

/// The step that showed the fault has spoilt the weights. So the model goes back to where it was captured and
/// repeats the steps up to the one before; they are deterministic.
Result<std::string> TrainingRun::nodeToBlame(int64_t step)
{
    auto loader = openLoader(m_rewind->step(), m_data->viewsOn(*m_device) > 0);
    if (!loader)
        return loader.error();
    m_rewind->restore();
    m_stepper->weightsChanged();
    for (int64_t repeated = m_rewind->step(); repeated < step; ++repeated) {
        auto batch = (*loader)->next();
        if (!batch)
            return batch.error();
        m_stepper->step(**batch, place(repeated));
    }
    auto changed = openLoader(step, false);
    if (!changed)
        return changed.error();
    auto batch = (*changed)->next();
    if (!batch)
        return batch.error();
    return firstNonFinite(*m_model, {**batch, place(step).random, true});
}

Error TrainingRun::validationFailed(double loss)
{
    const std::string what = std::string("The validation loss became ") + nameOfValue(loss) + " after step " +
                             std::to_string(m_position.step) + ": ";
    const data::DataPart& part = m_data->split.validation;
    data::Batch batch(*part.dataset, m_project.training.batch);
    for (int64_t first = 0; first < part.count(); first += batch.size()) {
        data::fillBatch(part, first, m_data->preprocess, batch);
        const StepPlace start = place(0);
        auto node = firstNonFinite(*m_model, {batch, start.random, false});
        if (node && !node->empty())
            return numericalError(what, *node);
    }
    return numericalError(what, "");
}

} // namespace gradloom::train
