#include "engine/train/metric_type.h"

namespace gradloom::train {

/// Sokolova and Lapalme 2009.
MetricType f1()
{
    MetricType type;
    type.id = "f1";
    type.title = "F1";
    type.help = "Harmonic mean of precision and recall of a class; mean over the classes (macro).";
    type.share = true;
    type.applies = judgesClasses;
    type.value = [](const Judged& judged) { return meanOverClasses(judged, f1Of); };
    return type;
}

} // namespace gradloom::train
