#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gradloom::exports {

/// A line of a chart.
struct Series
{
    std::string name;
    std::vector<std::pair<double, double>> points; ///< x ascending; a y that is no finite number is left out
    bool faint = false;                            ///< background: single steps behind the epochs
};

struct Chart
{
    std::string title;
    std::string xTitle;
    std::vector<Series> series;
    bool percent = false; ///< y is a share, shown in percent
};

/// The chart as an <svg> element that needs nothing else.
std::string svgChart(const Chart& chart);

/// At most `count` points, each the mean of its neighbours: what an eye can see of a long history.
std::vector<std::pair<double, double>> thinned(
    const std::vector<std::pair<double, double>>& points, size_t count);

/// Round values between low and high for the marks of an axis, about `count` of them.
std::vector<double> axisMarks(double low, double high, int count);

} // namespace gradloom::exports
