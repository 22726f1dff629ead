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

/// A curve smoothed with an exponential kernel to both sides, so that it runs through the middle of the noise
/// instead of behind it; at the newest point only the past is there to look at. Extended as points arrive:
/// older values settle once the new ones are out of the kernel's reach.
class SmoothCurve
{
public:
    /// 0 .. 1: 0 copies the values, equal ways of a slider are equal factors of the kernel's length.
    explicit SmoothCurve(double amount = 0);
    /// `raw` is what it was at the last call with more behind it. Values that are not finite stay as they
    /// are.
    void extend(std::span<const double> raw);
    const std::vector<double>& values() const { return m_values; }

private:
    double m_keep;
    size_t m_reach;             ///< points after which the kernel is negligible
    std::vector<double> m_sums; ///< of the past with the point itself
    std::vector<double> m_weights;
    std::vector<double> m_values;
};

} // namespace gradloom::widgets
