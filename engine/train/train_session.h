#pragma once

#include "engine/project/project.h"
#include "engine/tensor/tensor.h"

#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradloom::train {

struct RunData;

/// How a run is started; the project says the rest.
struct SessionOptions
{
    std::string device = "cpu";
    std::vector<std::string> devices; ///< several that share every batch, instead of `device`; the first one judges
    int threads = 0;                              ///< 0: all cores
    std::filesystem::path projectFolder;          ///< relative data folders in the project count from here
    std::optional<std::filesystem::path> dataDir; ///< replaces the project's data folder
    /// The project's data where it is loaded already (same source, seed and share held out); none: the
    /// session loads it.
    std::shared_ptr<const RunData> data;
    std::optional<std::filesystem::path>
        outDir; ///< where run.json, history.csv and weights go; none: nothing is written
    std::optional<std::filesystem::path> resumeDir; ///< a folder written by an earlier run, to go on from
    std::optional<int64_t> maxSteps;
    bool startPaused = false;
    bool giveWay = false; ///< its computing threads run behind ordinary ones, such as the window's
    bool publish = true; ///< snapshots of activations, gradients and weights for the window
    int probeIndex = 0;  ///< test picture whose activations are published
};

/// Metrics of one training step.
struct StepMetrics
{
    int64_t step = 0;  ///< from 1
    int32_t epoch = 0; ///< from 0
    float loss = 0;
    float accuracy = 0; ///< share, 0..1; NaN where the model has no classes
    float generatorLoss = std::numeric_limits<float>::quiet_NaN(); ///< of a GAN, whose `loss` is the discriminator's
    float learningRate = 0;
    double seconds = 0; ///< training time so far, pauses not counted
};

/// Metrics of one epoch.
struct EpochMetrics
{
    int32_t epoch = 0; ///< from 0
    float trainLoss = 0;
    float trainAccuracy = 0;
    float validationLoss = 0;              ///< NaN without validation data
    float validationAccuracy = 0;          ///< NaN without validation data or classes
    std::map<std::string, double> metrics; ///< of the validation, as Evaluation::metrics
    double samplesPerSecond = 0;
    double seconds = 0;
    bool best = false; ///< the best so far: its weights were kept
};

/// What a node computes for the probe picture: activations in the shape of one sample (H×W×C or features).
struct Activation
{
    std::string node;
    Tensor values;
};

/// How one layer's weights are doing.
struct LayerHealth
{
    std::string node;
    float gradientNorm = 0; ///< L2 norm of the last step's gradient
    float weightNorm = 0;
    std::vector<float> histogram; ///< of the weights: 33 bins between low and high, counts
    float low = 0;
    float high = 0;
};

/// Published a few times a second; the latest wins.
struct Snapshot
{
    int64_t step = 0;
    std::vector<Activation> activations;
    std::vector<LayerHealth> layers;
    /// Pictures that the network makes (U8, N×H×W×C): from noise, or of the test pictures in `originals`. Empty for
    /// networks that make none.
    Tensor made;
    Tensor originals; ///< of the same shape; empty where they are made from noise
};

enum class State { Preparing, Running, Paused, Finished, Stopped, Failed };

/// Exactly one per session, when it is over.
struct SessionResult
{
    State state = State::Finished; ///< Finished, Stopped or Failed
    std::optional<Error> error;    ///< of a failed run; names the node where one is to blame
    int64_t steps = 0;
    std::vector<EpochMetrics> epochs;
    double waitingShare = 0; ///< of this session's training time, in which steps waited for their data
};

/// Trains a project on its own thread. All methods are for one other thread (the window's or the command
/// line's) and never wait for a step. The session works on its own copy of the project.
class TrainSession
{
public:
    /// Starts the thread; problems with the data or the drawing come as the result.
    TrainSession(project::Project project, SessionOptions options);
    /// Stops and joins.
    ~TrainSession();
    TrainSession(const TrainSession&) = delete;
    TrainSession& operator=(const TrainSession&) = delete;

    void pause();
    void resume();
    /// One step, then paused.
    void step();
    /// Ends after the current step; the last checkpoint is written.
    void stop();
    /// The learning rate from the next step on; a schedule goes on from there.
    void setLearningRate(double value);

    State state() const;
    /// Steps of the whole run and of an epoch; 0 until the data is loaded.
    int64_t totalSteps() const;
    int64_t stepsPerEpoch() const;
    double currentLearningRate() const;
    /// Appends what came since the last call; returns how many entries were lost because nobody polled.
    int64_t pollSteps(std::vector<StepMetrics>& out);
    void pollEpochs(std::vector<EpochMetrics>& out);
    /// Sentences for people that came since the last call: what was taken over, why the run ended early.
    std::vector<std::string> pollRemarks();
    /// The newest snapshot since the last call, or nullptr.
    std::shared_ptr<const Snapshot> pollSnapshot();
    /// Batch in progress and samples per second over the last seconds.
    double samplesPerSecond() const;
    /// The weights as of the last checkpoint (best where validation exists), by name, for evaluation and
    /// explanation while training goes on; empty before the first one. Never waits for a step.
    std::shared_ptr<const std::map<std::string, Tensor>> latestWeights() const;
    /// Set once when the session is over.
    std::optional<SessionResult> result() const;
    /// Waits for the end.
    SessionResult wait();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace gradloom::train
