#include "engine/train/metric_type.h"

namespace gradloom::train {

MetricType accuracy()
{
    MetricType type;
    type.id = "accuracy";
    type.title = "Accuracy";
    type.help = "Share of the rows whose class is the right one. In problems with one class to a row, "
                "precision, recall "
                "and F1 averaged over all rows (micro) are this number.";
    type.share = true;
    type.applies = judgesClasses;
    type.value = [](const Judged& judged) {
        int64_t right = 0;
        for (const ClassCounts& counts : judged.classes)
            right += counts.right;
        return static_cast<double>(right) / static_cast<double>(judged.rows());
    };
    return type;
}

} // namespace gradloom::train
