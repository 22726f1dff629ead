#include "engine/train/schedule_type.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradloom::train {

/// As PyTorch's ReduceLROnPlateau with a relative threshold. The factor follows from all results so far.
ScheduleType plateau()
{
    ScheduleType type;
    type.id = "plateau";
    type.title = "Reduce on plateau";
    type.help = "The learning rate is lowered when the validation loss (without validation samples the "
                "training loss) "
                "no longer falls.";
    type.parameters = {
        realParam("factor", "Factor", 0.1, 0.0, 1.0, "What the learning rate is multiplied by."),
        integerParam(
            "patience", "Patience", 5, 0, 1'000'000, "Epochs without a better loss that are let pass.")
            .withUnit("epochs"),
        realParam(
            "threshold", "Threshold", 1e-4, 0.0, 1.0, "A loss is better only if it is lower by this share."),
        integerParam("cooldown", "Cool-down", 0, 0, 1'000'000, "Epochs after a drop that do not count.")
            .withUnit("epochs"),
        realParam("lowest", "Lowest share", 0.0, 0.0, 1.0,
            "Share of the learning rate below which it does not fall.")};
    type.factor = [](const Params& params, const SchedulePoint& at) {
        const int64_t patience = params.integer("patience");
        const double threshold = params.real("threshold");
        double factor = 1.0;
        double best = std::numeric_limits<double>::infinity();
        int64_t bad = 0;
        int64_t cooling = 0;
        for (const double loss : at.results) {
            const double limit = best - threshold * std::abs(best);
            if (std::isinf(best) || loss < limit) {
                best = loss;
                bad = 0;
            } else {
                ++bad;
            }
            if (cooling > 0) {
                --cooling;
                bad = 0;
            }
            if (bad > patience) {
                factor = std::max(factor * params.real("factor"), params.real("lowest"));
                cooling = params.integer("cooldown");
                bad = 0;
            }
        }
        return factor;
    };
    return type;
}

} // namespace gradloom::train
