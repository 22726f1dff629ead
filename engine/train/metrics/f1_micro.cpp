#include "engine/train/metric_type.h"

namespace gradloom::train {

/// Sokolova and Lapalme 2009.
MetricType f1_micro()
{
    MetricType type;
    type.id = "f1_micro";
    type.title = "F1 (micro)";
    type.help = "F1 of all rows together; with one class to a row it equals micro precision, micro recall "
                "and accuracy.";
    type.share = true;
    type.applies = judgesClasses;
    type.value = [](const Judged& judged) {
        ClassCounts all;
        for (const ClassCounts& counts : judged.classes) {
            all.support += counts.support;
            all.claimed += counts.claimed;
            all.right += counts.right;
        }
        return f1Of(all);
    };
    return type;
}

} // namespace gradloom::train
