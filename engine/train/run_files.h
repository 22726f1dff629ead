#pragma once

#include "engine/train/checkpoint.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace gradloom::train {

/// Writes the files of a run on its own thread, so that no training step waits for the disk. What was handed
/// over and not yet written is merged with what comes: of checkpoints only the newest is written, of the
/// history every line. All methods are for the engine thread.
class RunFiles
{
public:
    /// Creates the folder where it is missing. `keep` (when a run is resumed) is the history up to the step
    /// it goes on from; a fresh run starts a new history.
    static Result<std::unique_ptr<RunFiles>> open(const std::filesystem::path& folder, std::string history,
        std::map<std::string, std::string> weightsMetadata);
    /// Writes what is left.
    ~RunFiles();
    RunFiles(const RunFiles&) = delete;
    RunFiles& operator=(const RunFiles&) = delete;

    /// One line of history.csv; only kept until the next call of the others.
    void addStep(const StepMetrics& step);
    /// A checkpoint, with the lines of history up to it, and the weights to use (the checkpoint's, or their
    /// average).
    void putLast(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<const Weights> weights);
    /// The weights of an epoch (from 1), in a file of their own.
    void putEpoch(int64_t epoch, std::shared_ptr<const Weights> weights);
    /// Other weights to use than those of the last checkpoint.
    void putWeights(std::shared_ptr<const Weights> weights);
    void putBest(std::shared_ptr<const Weights> weights);
    void putRun(std::string json);

    /// The first failure so far.
    Status status();
    /// Waits until everything is on the disk.
    Status finish();

private:
    struct Work
    {
        std::string history;
        std::shared_ptr<const Checkpoint> last;
        std::shared_ptr<const Weights> lastWeights;
        std::shared_ptr<const Weights> best;
        std::map<int64_t, std::shared_ptr<const Weights>> epochs;
        std::optional<std::string> run;
        bool empty() const
        {
            return history.empty() && !last && !lastWeights && !best && epochs.empty() && !run;
        }
    };

    RunFiles(const std::filesystem::path& folder, std::map<std::string, std::string> metadata)
        : m_folder(folder), m_metadata(std::move(metadata))
    {
    }
    void flushHistory();
    void loop(std::stop_token token);
    Status write(const Work& work) const;
    Status saveWeights(const Weights& weights, const std::string& name) const;

    std::filesystem::path m_folder;
    std::map<std::string, std::string> m_metadata;
    std::string m_lines; ///< of the engine thread, not handed over yet

    std::mutex m_mutex;
    std::condition_variable_any m_changed;
    Work m_work;
    bool m_writing = false;
    std::optional<Error> m_failure;
    std::jthread m_thread; ///< last member: ends before what it uses
};

/// The history of an earlier run up to and including `step`, with its heading; only the heading where there
/// is no file.
Result<std::string> historyUpTo(const std::filesystem::path& file, int64_t step);

} // namespace gradloom::train
