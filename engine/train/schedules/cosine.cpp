#include "engine/train/schedule_type.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradloom::train {

/// Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2017, equation 5, without
/// restarts.
ScheduleType cosine()
{
    ScheduleType type;
    type.id = "cosine";
    type.title = "Cosine decay";
    type.help =
        "The learning rate falls along half a cosine wave from its full value to a share of it at the end.";
    type.parameters = {realParam("final", "Final share", 0.0, 0.0, 1.0,
        "Share of the learning rate that is left at the end of the run.")};
    type.factor = [](const Params& params, int64_t step, int64_t total) {
        const double last = params.real("final");
        const double progress =
            total > 0 ? std::clamp(static_cast<double>(step) / static_cast<double>(total), 0.0, 1.0) : 0.0;
        return last + (1.0 - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    };
    return type;
}

} // namespace gradloom::train
