#include "engine/train/metric_type.h"

#include <cmath>

namespace gradloom::train {

MetricType perplexity()
{
    MetricType type;
    type.id = "perplexity";
    type.title = "Perplexity";
    type.help = "e to the mean of −ln p of what comes at each step: among how many equally likely ones the "
                "network chooses.";
    type.higherIsBetter = false;
    type.applies = [](const Judged& judged) { return judgesClasses(judged) && judged.steps; };
    type.value = [](const Judged& judged) {
        return std::exp(-judged.logLikelihood / static_cast<double>(judged.rows()));
    };
    return type;
}

} // namespace gradloom::train
