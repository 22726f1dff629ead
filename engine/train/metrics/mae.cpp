#include "engine/train/metric_type.h"

namespace gradloom::train {

MetricType mae()
{
    MetricType type;
    type.id = "mae";
    type.title = "MAE";
    type.help = "Mean absolute difference between what the network says and what is true.";
    type.higherIsBetter = false;
    type.applies = judgesNumbers;
    type.value = [](const Judged& judged) { return meanOverNumbers(judged, &NumberSums::absolute); };
    return type;
}

} // namespace gradloom::train
