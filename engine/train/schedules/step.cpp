#include "engine/train/schedule_type.h"

#include <cmath>

namespace gradloom::train {

/// As PyTorch's StepLR.
ScheduleType step()
{
    ScheduleType type;
    type.id = "step";
    type.title = "Step decay";
    type.help = "The learning rate is multiplied by a factor every few epochs.";
    type.parameters = {integerParam("epochs", "Every", 10, 1, 1'000'000, "Epochs from one drop to the next.")
                           .withUnit("epochs"),
        realParam(
            "factor", "Factor", 0.1, 0.0, 1.0, "What the learning rate is multiplied by at each drop.")};
    type.factor = [](const Params& params, const SchedulePoint& at) {
        return std::pow(params.real("factor"), static_cast<double>(at.epoch() / params.integer("epochs")));
    };
    return type;
}

} // namespace gradloom::train
