#pragma once

#include "engine/data/batch_loader.h"
#include "engine/train/blame.h"
#include "engine/train/checkpoint.h"
#include "engine/train/methods.h"
#include "engine/train/publisher.h"
#include "engine/train/run_data.h"
#include "engine/train/run_files.h"
#include "engine/train/session_channel.h"
#include "engine/train/stepper.h"

#include <chrono>

namespace gradloom::train {

/// A step that a device works on.
struct BegunStep
{
    int64_t samples = 0;
    double learningRate = 0;
};

/// The work of a session's engine thread, from loading the data to the last file. Errors come as the result, a lost
/// device too; only what the standard library throws (no memory) leaves as an exception.
class TrainingRun
{
public:
    TrainingRun(SessionChannel& channel, const project::Project& project, const SessionOptions& options)
        : m_channel(channel), m_project(project), m_options(options)
    {
    }
    SessionResult execute();

private:
    // training_setup.cpp: what happens once, before the first step.
    Status prepare();
    Status choose();
    Status loadData();
    Status checkOptions();
    Status openDevices(StepperOptions& options);
    Status compile();
    Result<std::unique_ptr<data::BatchLoader>> openLoader(int64_t step, bool augmentInStep) const;
    Status startLoader();
    /// Whether there are samples held out, and the loss on them tells which epoch is the best.
    bool validates() const;
    /// Samples that are validated at a time.
    int64_t batchToValidate() const;
    Status goOnFromCheckpoint();
    Status startFromOtherWeights();
    Status loadBest();
    Status openFiles();
    Status checkIdentity(const RunIdentity& earlier) const;

    // training_run.cpp: the loop.
    Status loop();
    Status obeyCommands();
    void obey(const SessionCommand& command);
    void pauseHere();
    Status step();
    /// Takes the results that are there; `all`: waits for those of every step begun.
    Status takeResults(bool all);
    void account(const StepResult& result, const BegunStep& begun);
    Status publish(bool now);
    /// Steps begun, of the whole run; m_position counts those whose results were taken.
    int64_t begun() const { return m_position.step + static_cast<int64_t>(m_begun.size()); }
    /// Whether an epoch or the run ends here, which needs the results of all steps begun.
    bool mustCatchUp() const;
    double learningRate(int64_t step) const;
    double scheduleFactor(int64_t step) const;
    StepPlace place(int64_t step) const;
    double lap();
    /// Share of this session's training time in which steps waited for the loader.
    double waitingShare() const;
    SessionResult conclude(const Status& status);
    /// What the device has to say about the way it did the steps.
    void tellHowItRan();

    // training_epoch.cpp: what happens between epochs.
    /// At the end of an epoch, and of a run that ends within one (`whole` false): validation, best weights,
    /// checkpoint.
    Status finishEpoch(bool whole);
    Status validate(EpochMetrics& epoch);
    void keepBest(EpochMetrics& epoch);
    void checkpoint(bool always);
    /// The weights that are kept and shown: their average where there is one.
    Weights finalWeights();
    /// The finished epoch counts from now on: for the schedule and for early stopping.
    void takeResult(const EpochMetrics& epoch);
    /// Epochs since the best one have used up the patience.
    bool endsEarly() const;
    /// A run that ended by itself leaves the weights of its best epoch, where that is wanted.
    void restoreBest();

    // training_failure.cpp: a device that was lost, and who is to blame for a loss that is no number.
    Error deviceFailed(const backend::DeviceFailure& failure) const;
    Error stepFailed(float loss, int64_t step);
    Error validationFailed(double loss);
    Result<std::string> nodeToBlame(int64_t step);
    Error numericalError(const std::string& what, const std::string& node) const;
    std::string whatIsKept() const;

    std::string runRecord(const char* state, const Error* error) const;

    SessionChannel& m_channel;
    const project::Project& m_project;
    const SessionOptions& m_options;

    Methods m_methods;
    std::shared_ptr<const RunData> m_data;
    std::shared_ptr<backend::Backend> m_device;
    std::unique_ptr<Model> m_model;
    std::unique_ptr<Stepper> m_stepper;
    std::unique_ptr<Publisher> m_publisher;
    std::unique_ptr<Rewind> m_rewind;
    std::unique_ptr<data::BatchLoader> m_loader;
    std::unique_ptr<RunFiles> m_files;
    std::shared_ptr<const Weights> m_best; ///< with the option restore_best only

    RunIdentity m_identity;
    RunPosition m_position;
    std::vector<double> m_epochLosses; ///< of the finished epochs, for the schedule; follows from m_position
    int64_t m_stepsPerEpoch = 0;
    int64_t m_plannedSteps = 0; ///< of all epochs; the schedule runs over these
    int64_t m_lastStep = 0;     ///< where this run ends
    int64_t m_checkpointStep = -1;
    int64_t m_publishedStep = -1;

    std::vector<BegunStep> m_begun; ///< whose results were not taken yet, the oldest first; at most two
    bool m_paused = false;
    bool m_stopped = false;
    int m_singleSteps = 0;
    std::chrono::steady_clock::time_point m_lap = std::chrono::steady_clock::now();
    double m_secondsBefore = 0; ///< of training in earlier sessions of the run
    double m_rewindTime = 0; ///< training time when m_rewind was captured last
    double m_windowSeconds = 0; ///< since samples per second were published last
    int64_t m_windowSamples = 0;
};

/// Batch that a step works on.
data::LoaderPosition loaderPosition(int64_t step, int64_t stepsPerEpoch);

} // namespace gradloom::train
