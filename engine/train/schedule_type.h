#pragma once

#include "engine/base/param.h"
#include "engine/base/registry.h"

#include <functional>
#include <span>

namespace gradloom::train {

/// Where a run is, for a schedule.
struct SchedulePoint
{
    int64_t step = 0;  ///< batches before this one
    int64_t total = 1; ///< batches of the whole run
    int64_t stepsPerEpoch = 1;
    /// What the finished epochs reached, oldest first: the monitored value, lower is better. A schedule that
    /// reacts to it computes its factor from the whole list, so that it has no state of its own to be saved.
    std::span<const double> results{};

    int64_t epoch() const { return step / stepsPerEpoch; }
};

/// A learning-rate schedule as data: one file in engine/train/schedules returns one of these.
struct ScheduleType
{
    std::string id;
    std::string title;
    std::string help;
    std::vector<ParamSpec> parameters;
    /// Factor on the base learning rate.
    std::function<double(const Params& params, const SchedulePoint& at)> factor;
};

const Registry<ScheduleType>& scheduleTypes();

} // namespace gradloom::train
