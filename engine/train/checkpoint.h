#pragma once

#include "engine/train/model.h"
#include "engine/train/train_session.h"
#include "engine/train/transfer.h"

namespace gradloom::train {

/// Where a run stands, to the bit: with the weights and the optimizer's state it decides everything that
/// follows.
struct RunPosition
{
    int64_t step = 0;            ///< steps done
    double baseLearningRate = 0; ///< before the schedule's factor
    double lossSum = 0;          ///< of the epoch in progress, over its samples
    double accuracySum = 0;
    int64_t epochSamples = 0;
    double epochSeconds = 0; ///< of training in the epoch in progress
    double seconds = 0;      ///< of the whole run, pauses not counted
    double bestValue = 0;    ///< validation accuracy, or minus the loss where there are no classes
    bool hasBest = false;
    std::vector<EpochMetrics> epochs;       ///< complete ones
    std::optional<TransferReport> transfer; ///< what the run started from
};

/// What must be the same for a run to go on as if it had not been interrupted.
struct RunIdentity
{
    uint64_t seed = 0;
    int64_t batch = 0;
    int64_t trainingSamples = 0;
    std::string optimizer;
    bool operator==(const RunIdentity&) const = default;
};

/// Everything needed to go on with a run, in one file, so that no crash can leave halves of two states.
struct Checkpoint
{
    RunPosition position;
    RunIdentity identity;
    Weights weights;
    Weights slots; ///< the optimizer's state
};

inline constexpr const char* stateFile = "state.safetensors";
inline constexpr const char* lastWeightsFile = "weights.safetensors";
inline constexpr const char* bestWeightsFile = "best.safetensors";
inline constexpr const char* runFile = "run.json";
inline constexpr const char* historyFile = "history.csv";

/// "epoch-003.safetensors" of an epoch from 1.
std::string epochWeightsFile(int64_t epoch);

/// Atomic.
Status saveCheckpoint(const Checkpoint& checkpoint, const std::filesystem::path& path);
/// Untrusted input; the Error names the file.
Result<Checkpoint> loadCheckpoint(const std::filesystem::path& path);

/// The optimizer's state by name. `program` is the training program.
Weights downloadSlots(const ir::Program& program, const backend::Memory& memory);
Status uploadSlots(const ir::Program& program, const Weights& slots, backend::Memory& memory);

/// One epoch as it stands in run.json; a number that is not there (NaN) becomes null.
std::string epochJson(const EpochMetrics& epoch);
std::string transferJson(const TransferReport& report);

} // namespace gradloom::train
