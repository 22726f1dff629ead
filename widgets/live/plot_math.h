#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace gradloom::widgets {

struct Range
{
    double low = 0;
    double high = 1;
    double length() const { return high - low; }
    bool operator==(const Range&) const = default;
};

/// Multiples of 1, 2, 2.5 or 5 times a power of ten inside `range`, at most `most` of them.
std::vector<double> niceTicks(const Range& range, int most);
/// Powers of ten inside `range` (both ends above zero); with 2 and 5 between where there are few.
std::vector<double> logTicks(const Range& range);
/// With as many digits as `step`, the distance of the ticks, needs: "0.25", "1,200", "1e-5".
std::string tickText(double value, double step);
/// The smallest "round" number not below `value`.
double niceCeiling(double value);
/// A share of the finite values lies at or below the result; 0 for none.
double quantile(std::span<const double> values, double share);

/// What a pixel column shows of a curve.
struct PlotColumn
{
    double x = 0; ///< of the last point in it
    double low = 0;
    double high = 0;
    double last = 0;
};

/// Reduces the points with x in `range` to at most `columns` columns with smallest and largest value, so that
/// a curve costs as much as the picture has pixels. One point outside on each side is kept so that lines
/// reach the edge. `x` ascends; values that are not finite are left out.
std::vector<PlotColumn> decimate(
    std::span<const double> x, std::span<const double> y, const Range& range, int columns);

/// Index of the point nearest to `at`; x.size() where there are none.
size_t nearest(std::span<const double> x, double at);

/// Exponential moving average without the pull to zero at the start (Kingma and Ba 2015, section 3),
/// continued as points arrive. `amount` 0 .. 1: 0 copies the values.
class Smoother
{
public:
    explicit Smoother(double amount = 0);
    double amount() const { return m_amount; }
    double add(double value);

private:
    double m_amount;
    double m_keep;
    double m_sum = 0;
    double m_weight = 0;
};

} // namespace gradloom::widgets
