#include "engine/train/training_run.h"

#include <algorithm>
#include <cmath>

namespace gradloom::train {

namespace {

using Clock = std::chrono::steady_clock;

/// Fewest steps between two captures of the model on the host, from which the search for a NaN repeats.
constexpr int64_t rewindInterval = 100;
constexpr double rewindSeconds = 0.5; ///< and least time, so that capturing costs nothing
constexpr double rateWindow = 0.5; ///< seconds over which samples per second are averaged
} // namespace

SessionResult TrainingRun::execute()
{
    try {
        Status status = prepare();
        if (status && !m_stopped)
            status = loop();
        return conclude(status);
    } catch (const backend::DeviceFailure& failure) {
        return conclude(deviceFailed(failure));
    }
}

SessionResult TrainingRun::conclude(const Status& status)
{
    SessionResult result;
    result.state = m_stopped ? State::Stopped : State::Finished;
    if (!status) {
        result.state = State::Failed;
        result.error = status.error();
    } else if (m_stepper) {
        tellHowItRan();
        checkpoint(false);
        if (!m_stopped)
            restoreBest();
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
    result.waitingShare = waitingShare();
    return result;
}

void TrainingRun::tellHowItRan()
{
    std::string said;
    for (LoadedProgram* program : m_stepper->programs())
        if (const std::string note = program->executable().note(); !note.empty() && note != said)
            m_channel.addRemark(said = note);
}

Status TrainingRun::loop()
{
    m_channel.learningRate = learningRate(m_position.step);
    lap();
    for (;;) {
        if (mustCatchUp())
            if (Status status = takeResults(true); !status)
                return status;
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
        if (endsEarly()) {
            const int64_t patience = m_methods.options.patience;
            m_channel.addRemark("Ended early: nothing better than the best epoch for " +
                                std::to_string(patience) + (patience == 1 ? " epoch." : " epochs."));
            break;
        }
        if (Status status = obeyCommands(); !status)
            return status;
        if (m_stopped)
            return {};
        m_channel.state = State::Running;
        if (Status status = step(); !status)
            return status;
        if (Status status = publish(false); !status)
            return status;
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
    return publish(true);
}

bool TrainingRun::mustCatchUp() const
{
    return !m_begun.empty() && (begun() % m_stepsPerEpoch == 0 || begun() >= m_lastStep);
}

Status TrainingRun::obeyCommands()
{
    for (;;) {
        const auto commands = m_channel.take();
        if (!commands.empty() || m_paused)
            if (Status status = takeResults(true); !status)
                return status;
        for (const SessionCommand& command : commands)
            obey(command);
        if (m_stopped || !m_paused)
            return {};
        if (m_singleSteps > 0) {
            --m_singleSteps;
            return {};
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
        const double factor = scheduleFactor(m_position.step);
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
    (void)publish(true); // all results are taken, so nothing can fail
    m_channel.state = State::Paused;
}

Status TrainingRun::step()
{
    const int64_t step = begun();
    if (step - m_rewind->step() >= rewindInterval && m_position.seconds - m_rewindTime >= rewindSeconds) {
        if (Status status = takeResults(true); !status)
            return status; // weights that were spoilt must not be captured
        m_rewind->capture(step);
        m_rewindTime = m_position.seconds;
    }
    auto batch = m_loader->next();
    if (!batch)
        return batch.error();
    const StepPlace here = place(step);
    m_stepper->step(**batch, here);
    m_begun.push_back({(*batch)->count, here.learningRate});
    return takeResults(false);
}

Status TrainingRun::takeResults(bool all)
{
    while (const auto result = m_stepper->take(all)) {
        if (!std::isfinite(result->loss))
            return stepFailed(result->loss, m_position.step);
        account(*result, m_begun.front());
        m_begun.erase(m_begun.begin());
    }
    return {};
}

void TrainingRun::account(const StepResult& result, const BegunStep& begun)
{
    const auto count = static_cast<double>(begun.samples);
    const double elapsed = lap();
    m_position.seconds += elapsed;
    m_position.epochSeconds += elapsed;
    m_position.lossSum += result.loss * count;
    m_position.accuracySum += result.accuracy * count;
    m_position.epochSamples += begun.samples;
    m_windowSeconds += elapsed;
    m_windowSamples += begun.samples;
    if (m_windowSeconds >= rateWindow || m_channel.samplesPerSecond == 0) {
        m_channel.samplesPerSecond = static_cast<double>(m_windowSamples) / std::max(m_windowSeconds, 1e-9);
        m_windowSeconds = 0;
        m_windowSamples = 0;
    }
    StepMetrics metrics;
    metrics.epoch = static_cast<int32_t>(m_position.step / m_stepsPerEpoch);
    metrics.step = ++m_position.step;
    metrics.loss = result.loss;
    metrics.accuracy = result.accuracy;
    metrics.generatorLoss = result.generatorLoss;
    metrics.learningRate = static_cast<float>(begun.learningRate);
    metrics.seconds = m_position.seconds;
    m_channel.learningRate = begun.learningRate;
    m_channel.steps.push(metrics);
    if (m_files)
        m_files->addStep(metrics);
}

Status TrainingRun::publish(bool now)
{
    if (!m_publisher || m_publishedStep == begun() || !(now || m_publisher->due()))
        return {};
    if (Status status = takeResults(true); !status)
        return status; // a snapshot of spoilt weights would show nothing
    m_publishedStep = m_position.step;
    m_channel.snapshots.publish(m_publisher->make(m_position.step, *m_stepper));
    return {};
}

double TrainingRun::learningRate(int64_t step) const
{
    return m_position.baseLearningRate * scheduleFactor(step);
}

double TrainingRun::scheduleFactor(int64_t step) const
{
    return m_methods.schedule->factor(
        m_methods.scheduleParams, {step, m_plannedSteps, m_stepsPerEpoch, m_epochLosses});
}

StepPlace TrainingRun::place(int64_t step) const
{
    const uint64_t seed = m_project.training.seed;
    const auto count = static_cast<uint64_t>(step);
    return {step, learningRate(step),
        {static_cast<int32_t>(seed), static_cast<int32_t>(seed >> 32), static_cast<int32_t>(count),
            static_cast<int32_t>(count >> 32)}};
}

double TrainingRun::waitingShare() const
{
    const double seconds = m_position.seconds - m_secondsBefore;
    return m_loader && seconds > 0 ? m_loader->waitedSeconds() / seconds : 0;
}

double TrainingRun::lap()
{
    const auto now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(m_lap, now)).count();
}

} // namespace gradloom::train
