#include "engine/train/metric_type.h"

namespace gradloom::train {

MetricType reconstruction_error()
{
    MetricType type;
    type.id = "reconstruction_error";
    type.title = "Reconstruction error";
    type.help = "Mean squared difference between the input and what the network makes of it.";
    type.higherIsBetter = false;
    type.applies = [](const Judged& judged) { return judgesNumbers(judged) && judged.reconstruction; };
    type.value = [](const Judged& judged) { return meanOverNumbers(judged, &NumberSums::squares); };
    return type;
}

} // namespace gradloom::train
