#pragma once

#include "engine/base/registry.h"
#include "engine/train/judged.h"

#include <functional>
#include <map>

namespace gradloom::train {

/// A number that says how good a network is, as data: one file in engine/train/metrics returns one of these.
struct MetricType
{
    std::string id;     ///< "f1"
    std::string title;  ///< "F1"
    std::string help;   ///< one line: what it means, and how it is averaged
    bool share = false; ///< between 0 and 1, shown in percent
    bool higherIsBetter = true;
    /// Whether it says something about what was judged.
    std::function<bool(const Judged& judged)> applies;
    /// Called only where it applies; NaN where it is not defined (AUC of a single class).
    std::function<double(const Judged& judged)> value;
};

const Registry<MetricType>& metricTypes();

/// All metrics that apply and are defined, by id.
std::map<std::string, double> metricsOf(const Judged& judged);

/// For `applies`.
bool judgesClasses(const Judged& judged);
bool judgesNumbers(const Judged& judged);

/// Mean of a number over all classes; those that neither occur nor are said count as zero, as in
/// scikit-learn.
double meanOverClasses(const Judged& judged, const std::function<double(const ClassCounts&)>& number);
/// Mean over all numbers of a sum that is kept for each output.
double meanOverNumbers(const Judged& judged, double NumberSums::*sum);
double precisionOf(const ClassCounts& counts); ///< 0 where the class is never said
double recallOf(const ClassCounts& counts);    ///< 0 where the class does not occur
double f1Of(const ClassCounts& counts);        ///< harmonic mean of both, 0 where they are

} // namespace gradloom::train
