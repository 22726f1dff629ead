#pragma once

#include "engine/base/latest.h"
#include "engine/base/spsc_ring.h"
#include "engine/train/model.h"
#include "engine/train/train_session.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace gradloom::train {

/// What another thread asks of a run.
struct SessionCommand
{
    enum class Kind { Pause, Resume, Step, Stop, LearningRate };
    Kind kind = Kind::Pause;
    double value = 0;
};

/// Everything that passes between the engine thread and the thread that owns the session. What happens in
/// every step goes through the ring and atomics; the mutex guards what happens once an epoch or when somebody
/// presses a button.
class SessionChannel
{
public:
    SpscRing<StepMetrics> steps{16384};
    Latest<Snapshot> snapshots;
    std::atomic<State> state{State::Preparing};
    std::atomic<int64_t> totalSteps{0};
    std::atomic<int64_t> stepsPerEpoch{0};
    std::atomic<double> learningRate{0};
    std::atomic<double> samplesPerSecond{0};
    std::atomic<bool> stopRequested{false}; ///< read where a long piece of work can be left early

    void post(SessionCommand command)
    {
        std::scoped_lock lock(m_mutex);
        if (command.kind == SessionCommand::Kind::Stop)
            stopRequested = true;
        m_commands.push_back(command);
        m_waiting.store(true, std::memory_order_release);
        m_changed.notify_all();
    }

    /// Engine thread: commands since the last call. Costs one atomic read where there are none.
    std::vector<SessionCommand> take()
    {
        if (!m_waiting.load(std::memory_order_acquire))
            return {};
        std::scoped_lock lock(m_mutex);
        m_waiting.store(false, std::memory_order_release);
        return std::exchange(m_commands, {});
    }

    /// Engine thread, while paused.
    void waitForCommand()
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [&] { return !m_commands.empty(); });
    }

    void addEpoch(const EpochMetrics& epoch)
    {
        std::scoped_lock lock(m_mutex);
        m_epochs.push_back(epoch);
    }
    void takeEpochs(std::vector<EpochMetrics>& out)
    {
        std::scoped_lock lock(m_mutex);
        out.insert(out.end(), m_epochs.begin(), m_epochs.end());
        m_epochs.clear();
    }

    void addRemark(std::string remark)
    {
        std::scoped_lock lock(m_mutex);
        m_remarks.push_back(std::move(remark));
    }
    std::vector<std::string> takeRemarks()
    {
        std::scoped_lock lock(m_mutex);
        return std::exchange(m_remarks, {});
    }

    void setWeights(std::shared_ptr<const Weights> weights)
    {
        std::scoped_lock lock(m_mutex);
        m_weights = std::move(weights);
    }
    std::shared_ptr<const Weights> weights() const
    {
        std::scoped_lock lock(m_mutex);
        return m_weights;
    }

    /// The end of the run; only the first one counts.
    void finish(SessionResult result)
    {
        std::scoped_lock lock(m_mutex);
        if (m_result)
            return;
        state = result.state;
        m_result = std::move(result);
        m_changed.notify_all();
    }
    std::optional<SessionResult> result() const
    {
        std::scoped_lock lock(m_mutex);
        return m_result;
    }
    SessionResult wait() const
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [&] { return m_result.has_value(); });
        return *m_result;
    }

private:
    mutable std::mutex m_mutex;
    mutable std::condition_variable m_changed;
    std::atomic<bool> m_waiting{false};
    std::vector<SessionCommand> m_commands;
    std::vector<EpochMetrics> m_epochs;
    std::vector<std::string> m_remarks;
    std::shared_ptr<const Weights> m_weights;
    std::optional<SessionResult> m_result;
};

} // namespace gradloom::train
