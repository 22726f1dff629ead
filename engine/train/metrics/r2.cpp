#include "engine/train/metric_type.h"

namespace gradloom::train {

MetricType r2()
{
    MetricType type;
    type.id = "r2";
    type.title = "R²";
    type.help = "Share of the truth's spread that the network explains: 1 is perfect, 0 no better than the "
                "mean; for several "
                "outputs the mean over those that vary.";
    type.applies = judgesNumbers;
    type.value = [](const Judged& judged) {
        double sum = 0;
        double defined = 0;
        for (const NumberSums& output : judged.outputs) {
            if (output.spread <= 0)
                continue;
            sum += 1 - output.squares / output.spread;
            ++defined;
        }
        return sum / defined;
    };
    return type;
}

} // namespace gradloom::train
