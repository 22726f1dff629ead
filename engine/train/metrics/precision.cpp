#include "engine/train/metric_type.h"

namespace gradloom::train {

/// Sokolova and Lapalme 2009.
MetricType precision()
{
    MetricType type;
    type.id = "precision";
    type.title = "Precision";
    type.help = "How often a class is right where it is said; mean over the classes (macro).";
    type.share = true;
    type.applies = judgesClasses;
    type.value = [](const Judged& judged) { return meanOverClasses(judged, precisionOf); };
    return type;
}

} // namespace gradloom::train
