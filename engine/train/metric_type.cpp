#include "engine/train/metric_type.h"

#include <cmath>

namespace gradloom::train {

namespace {

double shareOf(int64_t part, int64_t whole)
{
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

} // namespace

std::vector<MetricType> allMetricTypes();

const Registry<MetricType>& metricTypes()
{
    static const Registry<MetricType> registry(allMetricTypes());
    return registry;
}

std::map<std::string, double> metricsOf(const Judged& judged)
{
    std::map<std::string, double> values;
    for (const MetricType& type : metricTypes().all()) {
        if (!type.applies(judged))
            continue;
        if (const double value = type.value(judged); std::isfinite(value))
            values.emplace(type.id, value);
    }
    return values;
}

bool judgesClasses(const Judged& judged)
{
    return judged.task == Judged::Task::Classes && judged.rows() > 0;
}

bool judgesNumbers(const Judged& judged)
{
    return judged.task == Judged::Task::Numbers && !judged.outputs.empty() && judged.outputs[0].count > 0;
}

double meanOverClasses(const Judged& judged, const std::function<double(const ClassCounts&)>& number)
{
    double sum = 0;
    for (const ClassCounts& counts : judged.classes)
        sum += number(counts);
    return sum / static_cast<double>(judged.classes.size());
}

double meanOverNumbers(const Judged& judged, double NumberSums::*sum)
{
    double total = 0;
    double count = 0;
    for (const NumberSums& output : judged.outputs) {
        total += output.*sum;
        count += static_cast<double>(output.count);
    }
    return total / count;
}

double precisionOf(const ClassCounts& counts)
{
    return shareOf(counts.right, counts.claimed);
}

double recallOf(const ClassCounts& counts)
{
    return shareOf(counts.right, counts.support);
}

double f1Of(const ClassCounts& counts)
{
    return shareOf(2 * counts.right, counts.claimed + counts.support);
}

} // namespace gradloom::train
