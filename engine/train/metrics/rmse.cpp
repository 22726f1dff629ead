#include "engine/train/metric_type.h"

#include <cmath>

namespace gradloom::train {

MetricType rmse()
{
    MetricType type;
    type.id = "rmse";
    type.title = "RMSE";
    type.help = "Root of the mean squared difference between what the network says and what is true.";
    type.higherIsBetter = false;
    type.applies = judgesNumbers;
    type.value = [](const Judged& judged) {
        return std::sqrt(meanOverNumbers(judged, &NumberSums::squares));
    };
    return type;
}

} // namespace gradloom::train
