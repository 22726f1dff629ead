#include "engine/train/schedule_type.h"

#include <cmath>

namespace gradloom::train {

/// As PyTorch's ExponentialLR where it changes once an epoch; else its continuous form.
ScheduleType exponential()
{
    ScheduleType type;
    type.id = "exponential";
    type.title = "Exponential decay";
    type.help = "The learning rate is multiplied by a factor for every epoch, smoothly or at its end.";
    type.parameters = {
        realParam("factor", "Factor", 0.9, 0.0, 1.0, "What is left of the learning rate after each epoch."),
        switchParam("smooth", "Smooth", true, "Changes at every step instead of once an epoch.")};
    type.factor = [](const Params& params, const SchedulePoint& at) {
        const double epochs = params.flag("smooth")
                                  ? static_cast<double>(at.step) / static_cast<double>(at.stepsPerEpoch)
                                  : static_cast<double>(at.epoch());
        return std::pow(params.real("factor"), epochs);
    };
    return type;
}

} // namespace gradloom::train
