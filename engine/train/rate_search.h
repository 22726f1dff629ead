#pragma once

#include "engine/project/project.h"
#include "engine/train/run_data.h"

#include <functional>
#include <optional>

namespace gradloom::train {

struct RateSearchOptions
{
    std::string device = "cpu";
    int threads = 0; ///< 0: all cores
    double lowest = 1e-7;
    double highest = 10;
    int64_t steps = 100;
    std::function<bool()> cancelled;                           ///< asked before every step
    std::function<void(int64_t done, int64_t total)> progress; ///< called after every step
};

/// The loss while the learning rate grows.
struct RateSearch
{
    struct Point
    {
        double rate = 0;
        double loss = 0;
        double smoothed = 0; ///< moving average of the losses so far
    };
    std::vector<Point> points; ///< ends early where the loss leaves for good
    /// Where the smoothed loss falls fastest over the logarithm of the rate; none where it does not fall.
    std::optional<double> suggestion;
    std::optional<double> lowest; ///< the rate with the smallest smoothed loss: the largest one to try
};

/// Trains a fresh model of the project for some batches while its learning rate grows from step to step by a
/// factor; the project's own rate and schedule are not used, its optimizer and clipping are. Nothing is kept.
/// Source: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3; growth,
/// smoothing and end as fast.ai's lr_find does it.
Result<RateSearch> searchLearningRate(
    const project::Project& project, const RunData& data, const RateSearchOptions& options);

/// The suggestion for points that were measured.
void suggestRate(RateSearch& search);

} // namespace gradloom::train
