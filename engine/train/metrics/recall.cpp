#include "engine/train/metric_type.h"

namespace gradloom::train {

/// Sokolova and Lapalme 2009.
MetricType recall()
{
    MetricType type;
    type.id = "recall";
    type.title = "Recall";
    type.help = "How much of a class is found; mean over the classes (macro).";
    type.share = true;
    type.applies = judgesClasses;
    type.value = [](const Judged& judged) { return meanOverClasses(judged, recallOf); };
    return type;
}

} // namespace gradloom::train
