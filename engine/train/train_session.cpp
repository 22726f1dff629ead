#include "engine/train/train_session.h"

#include "engine/train/session_channel.h"
#include "engine/train/training_run.h"

#include <thread>

namespace gradloom::train {

namespace {

using Kind = SessionCommand::Kind;

Error errorFrom(const std::exception& exception)
{
    if (dynamic_cast<const std::bad_alloc*>(&exception))
        return {ErrorCode::OutOfMemory,
            "The training does not fit into memory; use a smaller batch or network.", {}};
    return {ErrorCode::Internal, std::string("The training failed: ") + exception.what() + ".", {}};
}

/// The engine thread: nothing leaves it but the result.
void runThread(SessionChannel& channel, const project::Project& project, const SessionOptions& options)
{
    SessionResult result;
    try {
        TrainingRun run(channel, project, options);
        result = run.execute();
    } catch (const std::exception& exception) {
        result.state = State::Failed;
        result.error = errorFrom(exception);
    }
    channel.finish(std::move(result));
}

} // namespace

struct TrainSession::Impl
{
    project::Project project;
    SessionOptions options;
    SessionChannel channel;
    std::jthread thread; ///< last member: ends before what it uses
};

TrainSession::TrainSession(project::Project project, SessionOptions options)
    : m_impl(std::make_unique<Impl>())
{
    m_impl->project = std::move(project);
    m_impl->options = std::move(options);
    m_impl->thread =
        std::jthread([impl = m_impl.get()] { runThread(impl->channel, impl->project, impl->options); });
}

TrainSession::~TrainSession()
{
    stop();
}

void TrainSession::pause()
{
    m_impl->channel.post({Kind::Pause});
}

void TrainSession::resume()
{
    m_impl->channel.post({Kind::Resume});
}

void TrainSession::step()
{
    m_impl->channel.post({Kind::Step});
}

void TrainSession::stop()
{
    m_impl->channel.post({Kind::Stop});
}

void TrainSession::setLearningRate(double value)
{
    m_impl->channel.post({Kind::LearningRate, value});
}

State TrainSession::state() const
{
    return m_impl->channel.state;
}

int64_t TrainSession::totalSteps() const
{
    return m_impl->channel.totalSteps;
}

int64_t TrainSession::stepsPerEpoch() const
{
    return m_impl->channel.stepsPerEpoch;
}

double TrainSession::currentLearningRate() const
{
    return m_impl->channel.learningRate;
}

int64_t TrainSession::pollSteps(std::vector<StepMetrics>& out)
{
    StepMetrics entry;
    while (m_impl->channel.steps.pop(entry))
        out.push_back(entry);
    return m_impl->channel.steps.takeLost();
}

void TrainSession::pollEpochs(std::vector<EpochMetrics>& out)
{
    m_impl->channel.takeEpochs(out);
}

std::vector<std::string> TrainSession::pollRemarks()
{
    return m_impl->channel.takeRemarks();
}

std::shared_ptr<const Snapshot> TrainSession::pollSnapshot()
{
    return m_impl->channel.snapshots.take();
}

double TrainSession::samplesPerSecond() const
{
    return m_impl->channel.samplesPerSecond;
}

std::shared_ptr<const Weights> TrainSession::latestWeights() const
{
    return m_impl->channel.weights();
}

std::optional<SessionResult> TrainSession::result() const
{
    return m_impl->channel.result();
}

SessionResult TrainSession::wait()
{
    return m_impl->channel.wait();
}

} // namespace gradloom::train
