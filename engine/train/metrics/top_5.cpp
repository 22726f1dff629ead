#include "engine/train/metric_type.h"

#include <algorithm>

namespace gradloom::train {

namespace {

constexpr int32_t topClasses = 5;

} // namespace

MetricType top_5()
{
    MetricType type;
    type.id = "top_5";
    type.title = "Top 5";
    type.help = "Share of the rows whose right class is among the five likeliest; where there are more than "
                "ten classes.";
    type.share = true;
    type.applies = [](const Judged& judged) { return judgesClasses(judged) && judged.columns > 10; };
    type.value = [](const Judged& judged) {
        const auto right = std::count_if(
            judged.rank.begin(), judged.rank.end(), [](int32_t rank) { return rank < topClasses; });
        return static_cast<double>(right) / static_cast<double>(judged.rows());
    };
    return type;
}

} // namespace gradloom::train
