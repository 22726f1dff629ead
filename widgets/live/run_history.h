#pragma once

#include "engine/train/train_session.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gradloom::widgets {

/// Everything the window knows of a run: what a session published, kept for drawing. Plain data without Qt;
/// lives on the GUI thread and is filled by polling at frame rate. Views read it and remember `revision` to
/// see news.
class RunHistory
{
public:
    struct NormPoint
    {
        int64_t step;
        float gradient;
    };

    /// Forgets the last run.
    void clear();
    /// Takes what the session published since the last call. True where anything changed.
    bool poll(train::TrainSession& session);

    // The seam that tests and recorded runs use; `poll` is made of these.
    void addSteps(std::span<const train::StepMetrics> steps);
    void addEpoch(const train::EpochMetrics& epoch);
    void setSnapshot(std::shared_ptr<const train::Snapshot> snapshot);
    void setLength(int64_t totalSteps, int64_t stepsPerEpoch);
    void setState(train::State state);
    void setThroughput(double samplesPerSecond);
    void setResult(train::SessionResult result);

    const std::vector<train::StepMetrics>& steps() const { return m_steps; }
    const std::vector<train::EpochMetrics>& epochs() const { return m_epochs; }
    /// The newest; nullptr before the first.
    const std::shared_ptr<const train::Snapshot>& snapshot() const { return m_snapshot; }
    /// Gradient norms over the run by node.
    const std::map<std::string, std::vector<NormPoint>>& gradientNorms() const { return m_norms; }
    const std::optional<train::SessionResult>& result() const { return m_result; }
    train::State state() const { return m_state; }
    int64_t totalSteps() const { return m_totalSteps; }
    int64_t stepsPerEpoch() const { return m_stepsPerEpoch; }
    double samplesPerSecond() const { return m_samplesPerSecond; }
    int64_t lostSteps() const { return m_lost; }

    /// Whether a session is at work on this history.
    bool active() const;
    /// The best epoch so far by the session's own judgement, or nullptr.
    const train::EpochMetrics* bestEpoch() const;
    /// Seconds of training still to come, from the speed so far; nothing before there is one.
    std::optional<double> secondsLeft() const;
    /// Counts up with every change, never down.
    uint64_t revision() const { return m_revision; }
    /// Another number after every clear(): what was computed from the steps so far is void.
    uint64_t run() const { return m_run; }

private:
    std::vector<train::StepMetrics> m_steps;
    std::vector<train::EpochMetrics> m_epochs;
    std::shared_ptr<const train::Snapshot> m_snapshot;
    std::map<std::string, std::vector<NormPoint>> m_norms;
    std::optional<train::SessionResult> m_result;
    train::State m_state = train::State::Finished;
    bool m_started = false;
    int64_t m_totalSteps = 0;
    int64_t m_stepsPerEpoch = 0;
    int64_t m_lost = 0;
    double m_samplesPerSecond = 0;
    uint64_t m_revision = 0;
    uint64_t m_run = 0;
};

} // namespace gradloom::widgets
