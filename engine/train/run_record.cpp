#include "engine/train/training_run.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace gradloom::train {

/// What run.json says: enough to see what was done and how it went, and to do it again.
std::string TrainingRun::runRecord(const char* state, const Error* error) const
{
    using Json = nlohmann::ordered_json;
    const RunData& data = *m_data;
    Json epochs = Json::array();
    for (const EpochMetrics& epoch : m_position.epochs)
        epochs.push_back(Json::parse(epochJson(epoch)));
    Json best = nullptr;
    for (const EpochMetrics& epoch : m_position.epochs)
        if (epoch.best)
            best = epoch.epoch;
    // Samples counted as steps times batch would count the filler of each epoch's last batch.
    const int64_t wholeEpochs = m_position.step / m_stepsPerEpoch;
    const double samples = static_cast<double>(
        wholeEpochs * m_identity.trainingSamples + (m_position.step % m_stepsPerEpoch) * m_identity.batch);
    Json record{{"program", "gradloom"}, {"project", m_project.name}, {"state", state}};
    if (error)
        record["error"] = {{"message", error->message}, {"node", error->node}};
    record["device"] = {{"id", m_device->info().id}, {"name", m_device->info().name}};
    record["seed"] = m_project.training.seed;
    record["parameters"] = m_model->layout().parameterElements;
    record["data"] = {{"name", data.loaded.name}, {"classes", data.loaded.classNames()},
        {"training", data.split.training.count()}, {"validation", data.split.validation.count()},
        {"test", data.split.test.count()}};
    if (m_position.transfer)
        record["transfer"] = Json::parse(transferJson(*m_position.transfer));
    record["step"] = m_position.step;
    record["steps_per_epoch"] = m_stepsPerEpoch;
    record["planned_steps"] = m_plannedSteps;
    record["seconds"] = m_position.seconds;
    record["samples_per_second"] = m_position.seconds > 0 ? samples / m_position.seconds : 0.0;
    record["waiting_share"] = waitingShare();
    record["best_epoch"] = best;
    record["epochs"] = std::move(epochs);
    record["configuration"] = Json::parse(project::formatProject(m_project));
    return record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace gradloom::train
