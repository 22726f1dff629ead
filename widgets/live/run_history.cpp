#include "widgets/live/run_history.h"

#include <algorithm>

namespace gradloom::widgets {

void RunHistory::clear()
{
    const uint64_t revision = m_revision, run = m_run;
    *this = RunHistory();
    m_revision = revision + 1;
    m_run = run + 1;
}

bool RunHistory::poll(train::TrainSession& session)
{
    const uint64_t before = m_revision;
    std::vector<train::StepMetrics> steps;
    m_lost += session.pollSteps(steps);
    addSteps(steps);
    std::vector<train::EpochMetrics> epochs;
    session.pollEpochs(epochs);
    for (const train::EpochMetrics& epoch : epochs)
        addEpoch(epoch);
    if (auto snapshot = session.pollSnapshot())
        setSnapshot(std::move(snapshot));
    setLength(session.totalSteps(), session.stepsPerEpoch());
    setState(session.state());
    setThroughput(session.samplesPerSecond());
    if (!m_result)
        if (auto result = session.result())
            setResult(std::move(*result));
    return m_revision != before;
}

void RunHistory::addSteps(std::span<const train::StepMetrics> steps)
{
    if (steps.empty())
        return;
    m_steps.insert(m_steps.end(), steps.begin(), steps.end());
    ++m_revision;
}

void RunHistory::addEpoch(const train::EpochMetrics& epoch)
{
    m_epochs.push_back(epoch);
    ++m_revision;
}

void RunHistory::setSnapshot(std::shared_ptr<const train::Snapshot> snapshot)
{
    m_snapshot = std::move(snapshot);
    if (m_snapshot)
        for (const train::LayerHealth& layer : m_snapshot->layers)
            m_norms[layer.node].push_back({m_snapshot->step, layer.gradientNorm});
    ++m_revision;
}

void RunHistory::setLength(int64_t totalSteps, int64_t stepsPerEpoch)
{
    if (totalSteps == m_totalSteps && stepsPerEpoch == m_stepsPerEpoch)
        return;
    m_totalSteps = totalSteps;
    m_stepsPerEpoch = stepsPerEpoch;
    ++m_revision;
}

void RunHistory::setState(train::State state)
{
    if (m_started && state == m_state)
        return;
    m_started = true;
    m_state = state;
    ++m_revision;
}

void RunHistory::setThroughput(double samplesPerSecond)
{
    if (samplesPerSecond == m_samplesPerSecond)
        return;
    m_samplesPerSecond = samplesPerSecond;
    ++m_revision;
}

void RunHistory::setResult(train::SessionResult result)
{
    m_result = std::move(result);
    m_started = true;
    m_state = m_result->state;
    ++m_revision;
}

bool RunHistory::active() const
{
    return m_started && !m_result &&
           (m_state == train::State::Preparing || m_state == train::State::Running ||
               m_state == train::State::Paused);
}

const train::EpochMetrics* RunHistory::bestEpoch() const
{
    const auto last =
        std::find_if(m_epochs.rbegin(), m_epochs.rend(), [](const auto& epoch) { return epoch.best; });
    return last == m_epochs.rend() ? nullptr : &*last;
}

std::optional<double> RunHistory::secondsLeft() const
{
    if (m_steps.size() < 2 || m_totalSteps <= 0)
        return {};
    // A resumed run does not begin at step one, and validation between epochs counts as time: so from the
    // run's own first and last step.
    const train::StepMetrics& first = m_steps.front();
    const train::StepMetrics& last = m_steps.back();
    if (last.step <= first.step || last.seconds <= first.seconds)
        return {};
    const double perStep = (last.seconds - first.seconds) / static_cast<double>(last.step - first.step);
    return std::max(0.0, perStep * static_cast<double>(m_totalSteps - last.step));
}

} // namespace gradloom::widgets
