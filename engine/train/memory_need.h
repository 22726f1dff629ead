#pragma once

#include "engine/train/methods.h"
#include "engine/train/stepper.h"
#include "engine/train/train_session.h"

namespace gradloom::train {

/// Bytes of memory that training takes on a device, known from the plans before anything is taken. It is all
/// that a run allocates and loads on it: the run takes that much at once before it begins and needs no more.
/// What the driver takes for code and graphs is left free beside it (see DeviceMemory::free), and libraries
/// get workspaces from what is left over then, if anything is.
struct MemoryNeed
{
    int64_t weights = 0;   ///< trained and other weights
    int64_t optimizer = 0; ///< the optimizer's state, gathered gradients, the average of the weights
    int64_t steps = 0; ///< what lives during a training step, and the next batch, copied while a step runs
    int64_t validation = 0; ///< the same of forward passes over held-out samples
    int64_t views = 0;      ///< the same of what the window shows of a run
    int64_t sums = 0; ///< what NCCL takes for itself to add up gradients with other devices; not reserved

    int64_t total() const { return weights + optimizer + steps + validation + views + sums; }
};

/// What a run does on a device.
struct RunWork
{
    StepperOptions steps;
    bool validates = false; ///< on held-out samples
    bool publishes = false; ///< what the window shows of it
    bool sumsWithNccl = false; ///< several devices, see backend::haveNccl
};

/// Of the device, of several the first one; the Error of a drawing that cannot be trained.
Result<MemoryNeed> memoryNeed(const graph::Graph& graph, const RunWork& work, const backend::Planner& device);
/// The same for a project whose data set says `labels` about each sample. Of `session` counts which devices
/// there are, how many threads, and what is published; no GPU is opened.
Result<MemoryNeed> memoryNeed(
    const project::Project& project, const layers::TargetTypes& labels, const SessionOptions& session);

/// Takes the memory that a run needs on its devices, `first` and those in `work`. Where one of them has less
/// free, an Error with a batch size that fits on all.
Status reserveMemory(backend::Backend& first, const graph::Graph& graph, const RunWork& work);

/// "38 MB", in units of 1000 bytes.
std::string memoryText(int64_t bytes);

} // namespace gradloom::train
