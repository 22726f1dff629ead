#include "engine/train/evaluate.h"
#include "engine/train/training_run.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradloom::train {

namespace {

/// Sorting more probabilities than these for AUC would be felt at the end of an epoch.
constexpr int64_t validationTable = int64_t{1} << 18;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

bool allFinite(const Weights& weights)
{
    for (const auto& [name, tensor] : weights)
        for (const float value : tensor.floats())
            if (!std::isfinite(value))
                return false;
    return true;
}

} // namespace

Status TrainingRun::finishEpoch(bool whole)
{
    const auto samples = static_cast<double>(m_position.epochSamples);
    EpochMetrics epoch;
    epoch.epoch = static_cast<int32_t>((m_position.step - 1) / m_stepsPerEpoch);
    epoch.trainLoss = static_cast<float>(m_position.lossSum / samples);
    epoch.trainAccuracy = static_cast<float>(m_position.accuracySum / samples);
    epoch.samplesPerSecond = samples / std::max(m_position.epochSeconds, 1e-9);
    if (Status status = validate(epoch); !status)
        return status;
    if (m_stopped)
        return {}; // within the validation: it is made up for when the run goes on
    m_position.seconds += lap();
    epoch.seconds = m_position.seconds;
    keepBest(epoch);
    m_position.epochs.push_back(epoch);
    takeResult(epoch);
    m_position.lossSum = m_position.accuracySum = m_position.epochSeconds = 0;
    m_position.epochSamples = 0;
    m_channel.addEpoch(epoch);
    if (m_files && m_methods.options.keepEveryEpoch)
        m_files->putEpoch(epoch.epoch + 1, std::make_shared<const Weights>(finalWeights()));
    if (whole)
        checkpoint(true);
    return {};
}

void TrainingRun::takeResult(const EpochMetrics& epoch)
{
    m_epochLosses.push_back(std::isnan(epoch.validationLoss) ? epoch.trainLoss : epoch.validationLoss);
}

bool TrainingRun::endsEarly() const
{
    if (m_methods.options.patience == 0)
        return false;
    int64_t waited = 0;
    for (auto epoch = m_position.epochs.rbegin(); epoch != m_position.epochs.rend() && !epoch->best; ++epoch)
        ++waited;
    return waited >= m_methods.options.patience;
}

Status TrainingRun::validate(EpochMetrics& epoch)
{
    epoch.validationLoss = epoch.validationAccuracy = nan;
    if (!validates())
        return {};
    EvaluateOptions options;
    options.batch = batchToValidate();
    options.largestTable = validationTable;
    options.deviations = m_data->deviations();
    options.cancelled = [this] { return m_channel.stopRequested.load(); };
    const AverageInUse average(*m_stepper, m_position.step);
    auto evaluation = evaluate(*m_model, m_data->split.validation, m_data->preprocess, m_data->classes(), options);
    if (!evaluation) {
        m_stopped = m_channel.stopRequested;
        return m_stopped ? Status() : Status(evaluation.error());
    }
    if (!std::isfinite(evaluation->loss))
        return validationFailed(evaluation->loss);
    epoch.validationLoss = static_cast<float>(evaluation->loss);
    epoch.validationAccuracy = static_cast<float>(evaluation->accuracy);
    epoch.metrics = std::move(evaluation->metrics);
    return {};
}

void TrainingRun::keepBest(EpochMetrics& epoch)
{
    // Without validation data nothing tells which epoch is the best; the last one counts.
    const bool validated = !std::isnan(epoch.validationLoss);
    const bool byLoss = m_methods.options.monitor == "loss" || std::isnan(epoch.validationAccuracy);
    const double value = byLoss ? -static_cast<double>(epoch.validationLoss) : epoch.validationAccuracy;
    if (validated && m_position.hasBest && value <= m_position.bestValue)
        return;
    auto weights = std::make_shared<const Weights>(finalWeights());
    if (!allFinite(*weights))
        return;
    epoch.best = true;
    m_position.bestValue = validated ? value : 0;
    m_position.hasBest = true;
    m_channel.setWeights(weights);
    if (m_methods.options.restoreBest)
        m_best = weights;
    if (m_files)
        m_files->putBest(std::move(weights));
}

void TrainingRun::checkpoint(bool always)
{
    if (!always && m_checkpointStep == m_position.step)
        return;
    auto checkpoint = std::make_shared<Checkpoint>();
    checkpoint->weights = m_model->weights();
    if (!allFinite(checkpoint->weights))
        return; // the last good one stays
    checkpoint->position = m_position;
    checkpoint->identity = m_identity;
    std::shared_ptr<const Weights> shown(checkpoint, &checkpoint->weights);
    if (m_stepper->hasAverage(m_position.step))
        shown = std::make_shared<const Weights>(finalWeights());
    if (m_files)
        checkpoint->slots = m_stepper->slots();
    m_checkpointStep = m_position.step; // the device has given all
    if (!m_position.hasBest)
        m_channel.setWeights(shown);
    if (!m_files)
        return;
    m_files->putLast(std::move(checkpoint), std::move(shown));
    m_files->putRun(runRecord("running", nullptr));
}

void TrainingRun::restoreBest()
{
    if (m_best && m_files)
        m_files->putWeights(m_best);
}

Weights TrainingRun::finalWeights()
{
    const AverageInUse average(*m_stepper, m_position.step);
    return m_model->weights();
}

} // namespace gradloom::train
