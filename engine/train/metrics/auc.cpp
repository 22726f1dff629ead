#include "engine/train/metric_type.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradloom::train {

namespace {

/// Area under the ROC curve of one class against the rest by ranks, equal scores getting their mean rank
/// (Mann and Whitney 1947; Hanley and McNeil 1982); NaN where all rows are of one kind.
double areaOfClass(const Judged& judged, int64_t label)
{
    const auto rows = static_cast<size_t>(judged.rows());
    std::vector<std::pair<double, bool>> scores(rows);
    for (size_t i = 0; i < rows; ++i)
        scores[i] = {judged.probability(static_cast<int64_t>(i), label), judged.truth[i] == label};
    if (std::ranges::any_of(scores, [](const auto& score) { return std::isnan(score.first); }))
        return std::numeric_limits<double>::quiet_NaN(); // there is no order
    std::sort(scores.begin(), scores.end());
    double positives = 0;
    double rankSum = 0;
    for (size_t first = 0; first < rows;) {
        size_t last = first;
        double hits = 0;
        for (; last < rows && scores[last].first == scores[first].first; ++last)
            hits += scores[last].second ? 1 : 0;
        rankSum += hits * 0.5 * static_cast<double>(first + 1 + last);
        positives += hits;
        first = last;
    }
    const double negatives = static_cast<double>(rows) - positives;
    return (rankSum - positives * (positives + 1) / 2) / (positives * negatives);
}

} // namespace

MetricType auc()
{
    MetricType type;
    type.id = "auc";
    type.title = "ROC AUC";
    type.help = "Probability that a row of a class gets a higher score for it than a row of another one; for "
                "more than two "
                "classes the mean over each class against the rest.";
    type.applies = [](const Judged& judged) {
        return judgesClasses(judged) && !judged.probabilities.empty();
    };
    type.value = [](const Judged& judged) {
        const int64_t columns = judged.columns;
        if (columns <= 2)
            return areaOfClass(judged, 1);
        double sum = 0;
        double defined = 0;
        // A network may have more columns than the data has classes; no row belongs to those.
        const int64_t known = std::min<int64_t>(columns, static_cast<int64_t>(judged.classes.size()));
        for (int64_t label = 0; label < known; ++label) {
            const ClassCounts& counts = judged.classes[static_cast<size_t>(label)];
            if (counts.support == 0 || counts.support == judged.rows())
                continue;
            sum += areaOfClass(judged, label);
            ++defined;
        }
        return sum / defined;
    };
    return type;
}

} // namespace gradloom::train
