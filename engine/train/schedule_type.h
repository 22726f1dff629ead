#pragma once

#include "engine/base/param.h"
#include "engine/base/registry.h"

#include <functional>

namespace gradloom::train {

/// A learning-rate schedule as data: one file in engine/train/schedules returns one of these.
struct ScheduleType
{
    std::string id;
    std::string title;
    std::string help;
    std::vector<ParamSpec> parameters;
    /// Factor on the base learning rate for step `step` (from 0) of `total`.
    std::function<double(const Params& params, int64_t step, int64_t total)> factor;
};

const Registry<ScheduleType>& scheduleTypes();

} // namespace gradloom::train
