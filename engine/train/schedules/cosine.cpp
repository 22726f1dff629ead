#include "engine/train/schedule_type.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradloom::train {

/// Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2017, equation 5, without
/// restarts; linear warm-up as in Goyal et al. 2017.
ScheduleType cosine()
{
    ScheduleType type;
    type.id = "cosine";
    type.title = "Cosine decay";
    type.help =
        "The learning rate falls along half a cosine wave from its full value to a share of it at the "
        "end, after a warm-up if wanted.";
    type.parameters = {realParam("final", "Final share", 0.0, 0.0, 1.0,
                           "Share of the learning rate that is left at the end of the run."),
        realParam("warmup", "Warm-up", 0.0, 0.0, 1e6,
            "The learning rate first rises linearly from nothing over so many epochs.")
            .withUnit("epochs")};
    type.factor = [](const Params& params, const SchedulePoint& at) {
        const double last = params.real("final");
        const auto step = static_cast<double>(at.step);
        const double warm = std::round(params.real("warmup") * static_cast<double>(at.stepsPerEpoch));
        if (step < warm)
            return (step + 1.0) / warm;
        const double rest = static_cast<double>(at.total) - warm;
        const double progress = rest > 0 ? std::clamp((step - warm) / rest, 0.0, 1.0) : 0.0;
        return last + (1.0 - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    };
    return type;
}

} // namespace gradloom::train
