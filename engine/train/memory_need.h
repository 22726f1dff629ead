#pragma once

#include "engine/train/methods.h"
#include "engine/train/stepper.h"

namespace gradloom::train {

/// Bytes of memory that training takes on a device, known from the plans before anything is taken. What
/// operations and libraries of the device take for themselves while they run comes on top.
struct MemoryNeed
{
    int64_t weights = 0;   ///< trained and other weights
    int64_t optimizer = 0; ///< the optimizer's state, gathered gradients, the average of the weights
    int64_t steps = 0;     ///< what lives during a step, of training and of validation
    int64_t staging = 0;   ///< the next batch, which is copied while a step runs

    int64_t total() const { return weights + optimizer + steps + staging; }
};

/// Of a training run; the Error of a drawing that cannot be trained.
Result<MemoryNeed> memoryNeed(const graph::Graph& graph, const StepperOptions& options);
/// The same for a project whose data set says `labels` about each sample, on this device; of each device where
/// several (`devices`) share the batches.
Result<MemoryNeed> memoryNeed(const project::Project& project, const layers::TargetTypes& labels = {},
    std::string_view device = "cpu", size_t devices = 0);

/// The largest batch size below that of `options` whose need is at most `bytes`; 0 where not even one sample
/// fits.
int64_t largestBatch(const graph::Graph& graph, StepperOptions options, int64_t bytes);

/// An Error with a batch size that fits, where the device has less memory free than the run needs.
Status checkMemory(const backend::Backend& device, const graph::Graph& graph, const StepperOptions& options);

/// "38 MB", in units of 1000 bytes.
std::string memoryText(int64_t bytes);

} // namespace gradloom::train
