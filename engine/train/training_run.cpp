#include "engine/train/training_run.h"

#include "engine/train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradloom::train {

namespace {

using Clock = std::chrono::steady_clock;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
/// Steps between two captures of the model on the host; the search for a NaN repeats at most so many.
constexpr int64_t rewindInterval = 100;
constexpr double rateWindow = 0.5; ///< seconds over which samples per second are averaged

bool allFinite(const Weights& weights)
{
    for (const auto& [name, tensor] : weights)
        for (const float value : tensor.floats())
            if (!std::isfinite(value))
                return false;
    return true;
}

} // namespace

SessionResult TrainingRun::execute()
{
    Status status = prepare();
    if (status && !m_stopped)
        status = loop();
    return conclude(status);
}

SessionResult TrainingRun::conclude(const Status& status)
{
    SessionResult result;
    result.state = m_stopped ? State::Stopped : State::Finished;
    if (!status) {
        result.state = State::Failed;
        result.error = status.error();
    } else if (m_program) {
        checkpoint(false);
    }
    if (m_files) {
        const char* word = !status ? "failed" : m_stopped ? "stopped" : "finished";
        m_files->putRun(runRecord(word, status ? nullptr : &status.error()));
        Status written = m_files->finish();
        if (!written && status) {
            result.state = State::Failed;
            result.error = written.error();
        }
    }
    result.steps = m_position.step;
    result.epochs = m_position.epochs;
    return result;
}

Status TrainingRun::loop()
{
    m_channel.learningRate = learningRate(m_position.step);
    lap();
    for (;;) {
        // Asked here and not after the step, because a stop may have come between the last step and its
        // validation.
        if (m_position.epochSamples > 0 && m_position.step % m_stepsPerEpoch == 0) {
            if (Status status = finishEpoch(true); !status)
                return status;
        }
        if (m_stopped)
            return {};
        if (m_position.step >= m_lastStep)
            break;
        if (!obeyCommands())
            return {};
        m_channel.state = State::Running;
        if (Status status = step(); !status)
            return status;
        publish(false);
        if (m_files)
            if (Status status = m_files->status(); !status)
                return status;
    }
    if (m_position.epochSamples >
        0) { // the run ends within an epoch; its state is that of the step, not of an epoch
        checkpoint(false);
        if (Status status = finishEpoch(false); !status)
            return status;
    }
    publish(true);
    return {};
}

bool TrainingRun::obeyCommands()
{
    for (;;) {
        for (const SessionCommand& command : m_channel.take())
            obey(command);
        if (m_stopped)
            return false;
        if (!m_paused)
            return true;
        if (m_singleSteps > 0) {
            --m_singleSteps;
            return true;
        }
        pauseHere();
        m_channel.waitForCommand();
        lap(); // a pause is no training time
    }
}

void TrainingRun::obey(const SessionCommand& command)
{
    switch (command.kind) {
    case SessionCommand::Kind::Pause:
        m_paused = true;
        m_singleSteps = 0;
        break;
    case SessionCommand::Kind::Resume:
        m_paused = false;
        m_singleSteps = 0;
        break;
    case SessionCommand::Kind::Step:
        m_paused = true;
        ++m_singleSteps;
        break;
    case SessionCommand::Kind::Stop:
        m_stopped = true;
        break;
    case SessionCommand::Kind::LearningRate: {
        if (!std::isfinite(command.value) || command.value < 0)
            break;
        const double factor = m_schedule->factor(m_scheduleParams, m_position.step, m_plannedSteps);
        m_position.baseLearningRate = factor > 0 ? command.value / factor : command.value;
        m_channel.learningRate = learningRate(m_position.step);
        m_rewind->capture(m_position.step); // steps before it had another rate and could not be repeated
        break;
    }
    }
}

void TrainingRun::pauseHere()
{
    if (m_channel.state == State::Paused)
        return;
    checkpoint(false);
    publish(true);
    m_channel.state = State::Paused;
}

Status TrainingRun::step()
{
    const int64_t step = m_position.step;
    if (step - m_rewind->step() >= rewindInterval)
        m_rewind->capture(step);
    auto batch = m_loader->next();
    if (!batch)
        return batch.error();
    feed(**batch, step);
    m_program->run();
    m_hasRun = true;
    const float loss = m_program->readNumber("loss");
    if (!std::isfinite(loss))
        return stepFailed(loss, step);
    account(
        **batch, loss, m_hasAccuracy ? m_program->readNumber("metric:accuracy") : nan, learningRate(step));
    return {};
}

void TrainingRun::feed(const data::Batch& batch, int64_t step)
{
    const auto random = randomCounter(step);
    m_program->write("input", batch.samples);
    m_program->write("labels", batch.labels);
    m_program->write("weights", batch.weights);
    m_program->write("random", std::as_bytes(std::span(random)));
    m_program->write("learning_rate", static_cast<float>(learningRate(step)));
    m_program->write("step", static_cast<float>(step + 1));
}

void TrainingRun::account(const data::Batch& batch, float loss, float accuracy, double rate)
{
    const auto count = static_cast<double>(batch.count);
    const double elapsed = lap();
    m_position.seconds += elapsed;
    m_position.epochSeconds += elapsed;
    m_position.lossSum += loss * count;
    m_position.accuracySum += accuracy * count;
    m_position.epochSamples += batch.count;
    m_windowSeconds += elapsed;
    m_windowSamples += batch.count;
    if (m_windowSeconds >= rateWindow || m_channel.samplesPerSecond == 0) {
        m_channel.samplesPerSecond = static_cast<double>(m_windowSamples) / std::max(m_windowSeconds, 1e-9);
        m_windowSeconds = 0;
        m_windowSamples = 0;
    }
    StepMetrics metrics;
    metrics.epoch = static_cast<int32_t>(m_position.step / m_stepsPerEpoch);
    metrics.step = ++m_position.step;
    metrics.loss = loss;
    metrics.accuracy = accuracy;
    metrics.learningRate = static_cast<float>(rate);
    metrics.seconds = m_position.seconds;
    m_channel.learningRate = rate;
    m_channel.steps.push(metrics);
    if (m_files)
        m_files->addStep(metrics);
}

void TrainingRun::publish(bool now)
{
    if (!m_publisher || m_publishedStep == m_position.step || !(now || m_publisher->due()))
        return;
    m_publishedStep = m_position.step;
    m_channel.snapshots.publish(m_publisher->make(m_position.step, m_hasRun ? m_program.get() : nullptr));
}

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
    m_position.lossSum = m_position.accuracySum = m_position.epochSeconds = 0;
    m_position.epochSamples = 0;
    m_channel.addEpoch(epoch);
    if (whole)
        checkpoint(true);
    return {};
}

Status TrainingRun::validate(EpochMetrics& epoch)
{
    epoch.validationLoss = epoch.validationAccuracy = nan;
    const data::DataPart& part = m_data->split.validation;
    if (part.empty())
        return {};
    EvaluateOptions options;
    options.cancelled = [this] { return m_channel.stopRequested.load(); };
    auto evaluation = evaluate(*m_model, part, m_data->preprocess, m_data->classes(), options);
    if (!evaluation) {
        m_stopped = m_channel.stopRequested;
        return m_stopped ? Status() : Status(evaluation.error());
    }
    if (!std::isfinite(evaluation->loss))
        return validationFailed(evaluation->loss);
    epoch.validationLoss = static_cast<float>(evaluation->loss);
    epoch.validationAccuracy = static_cast<float>(evaluation->accuracy);
    return {};
}

void TrainingRun::keepBest(EpochMetrics& epoch)
{
    // Without validation data nothing tells which epoch is the best; the last one counts.
    const bool validated = !std::isnan(epoch.validationLoss);
    const double value = std::isnan(epoch.validationAccuracy) ? -static_cast<double>(epoch.validationLoss)
                                                              : epoch.validationAccuracy;
    if (validated && m_position.hasBest && value <= m_position.bestValue)
        return;
    auto weights = std::make_shared<const Weights>(m_model->weights());
    if (!allFinite(*weights))
        return;
    epoch.best = true;
    m_position.bestValue = validated ? value : 0;
    m_position.hasBest = true;
    m_channel.setWeights(weights);
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
    m_checkpointStep = m_position.step;
    checkpoint->position = m_position;
    checkpoint->identity = m_identity;
    if (!m_position.hasBest)
        m_channel.setWeights({checkpoint, &checkpoint->weights});
    if (!m_files)
        return;
    if (m_memory.slots)
        checkpoint->slots = downloadSlots(m_program->program(), *m_memory.slots);
    m_files->putLast(std::move(checkpoint));
    m_files->putRun(runRecord("running", nullptr));
}

double TrainingRun::learningRate(int64_t step) const
{
    return m_position.baseLearningRate * m_schedule->factor(m_scheduleParams, step, m_plannedSteps);
}

std::array<int32_t, 4> TrainingRun::randomCounter(int64_t step) const
{
    const uint64_t seed = m_project.training.seed;
    const auto count = static_cast<uint64_t>(step);
    return {static_cast<int32_t>(seed), static_cast<int32_t>(seed >> 32), static_cast<int32_t>(count),
        static_cast<int32_t>(count >> 32)};
}

double TrainingRun::lap()
{
    const auto now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(m_lap, now)).count();
}

} // namespace gradloom::train
