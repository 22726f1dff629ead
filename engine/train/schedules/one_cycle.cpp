#include "engine/train/schedule_type.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradloom::train {

/// Smith and Topin, "Super-convergence: Very fast training of neural networks using large learning rates",
/// 2018, in the form of PyTorch's OneCycleLR with cosine annealing; the momentum stays as it is.
ScheduleType one_cycle()
{
    ScheduleType type;
    type.id = "one_cycle";
    type.title = "One cycle";
    type.help =
        "The learning rate rises from a small share to its full value and falls to nearly nothing: allows a "
        "higher one than usual.";
    type.parameters = {
        realParam("rise", "Rise", 0.3, 0.0, 1.0, "Share of the run in which the learning rate rises."),
        realParam("start", "Start divisor", 25.0, 1.0, 1e9,
            "The run starts with the learning rate divided by this."),
        realParam("end", "End divisor", 1e4, 1.0, 1e12, "It ends with the starting rate divided by this.")};
    type.factor = [](const Params& params, const SchedulePoint& at) {
        const double first = 1.0 / params.real("start");
        const double last = first / params.real("end");
        const auto total = static_cast<double>(std::max<int64_t>(at.total, 1));
        const double peak = std::max(params.real("rise") * total - 1.0, 0.0);
        const double end = std::max(total - 1.0, peak);
        const double step = std::min(static_cast<double>(at.step), end);
        const auto between = [](double from, double to, double share) {
            return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * share));
        };
        if (step <= peak && peak > 0)
            return between(first, 1.0, step / peak);
        return end > peak ? between(1.0, last, (step - peak) / (end - peak)) : 1.0;
    };
    return type;
}

} // namespace gradloom::train
