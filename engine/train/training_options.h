#pragma once

#include "engine/backend/backend.h"

namespace gradloom::train {

/// What a project's `training.options` say: how gradients are treated and when a run ends. Everything is off
/// by default.
struct TrainingOptions
{
    double clipValue = 0;         ///< each number of the gradient is held within ±this; 0: off
    double clipNorm = 0;          ///< the gradient's length over all weights is held below this; 0: off
    int64_t accumulate = 1;       ///< batches whose gradients make one update
    double emaDecay = 0;          ///< of the moving average of the weights; 0: off
    int64_t patience = 0;         ///< epochs without a better one after which the run ends; 0: off
    std::string monitor = "auto"; ///< auto, loss, accuracy: what tells which epoch is the best
    bool restoreBest = false;     ///< the run ends with the weights of its best epoch
    bool keepEveryEpoch = false;  ///< the weights of every epoch stay in the run's folder
    bool balanceClasses = false;  ///< rare classes weigh more in the loss
    std::string weightsFrom;      ///< a .safetensors file whose fitting weights the run starts with
    backend::Precision precision = backend::Precision::Tf32; ///< of products and convolutions on a GPU
    bool deterministic = false;   ///< a GPU gives the same bits every time

    /// How a device is opened for them.
    backend::DeviceOptions device(int threads) const
    {
        backend::DeviceOptions options;
        options.threads = threads;
        options.precision = precision;
        options.deterministic = deterministic;
        return options;
    }
};

/// The options' declarations: project files, command line and window know them from here.
const std::vector<ParamSpec>& trainingOptionSpecs();
/// Checks the given options and completes them by defaults.
Result<TrainingOptions> readTrainingOptions(const Params& given);

} // namespace gradloom::train
