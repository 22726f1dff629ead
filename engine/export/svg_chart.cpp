#include "engine/export/svg_chart.h"

#include "engine/export/html.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace gradloom::exports {

namespace {

constexpr double width = 560;
constexpr double height = 280;
constexpr double left = 54;
constexpr double right = 14;
constexpr double top = 34;
constexpr double bottom = 42;

const char* colourOf(size_t index)
{
    // Told apart by people with any kind of colour vision (Okabe and Ito 2008).
    static constexpr const char* colours[] = {
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
    return colours[index % std::size(colours)];
}

struct Range
{
    double low = INFINITY;
    double high = -INFINITY;
    void take(double value)
    {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    /// Never empty, so that one can divide by its length.
    void widen()
    {
        if (!(low <= high))
            low = 0, high = 1;
        if (high - low < 1e-12)
            low -= 0.5, high += 0.5;
    }
    double at(double value) const { return (value - low) / (high - low); }
};

std::string text(double x, double y, const char* anchor, const std::string& content, const char* extra = "")
{
    char head[160];
    std::snprintf(
        head, sizeof head, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, extra);
    return head + escapeHtml(content) + "</text>";
}

std::string line(double x1, double y1, double x2, double y2)
{
    char result[160];
    std::snprintf(result, sizeof result,
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>", x1, y1, x2, y2);
    return result;
}

std::string markText(double value, double step, bool percent)
{
    if (percent)
        return formatNumber(100 * value, step < 0.01 ? 1 : 0) + " %";
    const int digits = step >= 1 ? 0 : std::min(6, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
    return formatNumber(value, digits);
}

struct Frame
{
    Range x;
    Range y;
    double px(double value) const { return left + x.at(value) * (width - left - right); }
    double py(double value) const { return height - bottom - y.at(value) * (height - top - bottom); }
};

std::string axes(const Frame& frame, const Chart& chart)
{
    std::string svg;
    const auto yMarks = axisMarks(frame.y.low, frame.y.high, 5);
    const double yStep = yMarks.size() > 1 ? yMarks[1] - yMarks[0] : 1;
    for (const double mark : yMarks) {
        svg += line(left, frame.py(mark), width - right, frame.py(mark));
        svg += text(left - 6, frame.py(mark) + 4, "end", markText(mark, yStep, chart.percent));
    }
    const auto xMarks = axisMarks(frame.x.low, frame.x.high, 8);
    const double xStep = xMarks.size() > 1 ? xMarks[1] - xMarks[0] : 1;
    for (const double mark : xMarks)
        svg += text(frame.px(mark), height - bottom + 16, "middle", markText(mark, xStep, false));
    svg += text((left + width - right) / 2, height - 8, "middle", chart.xTitle);
    return svg;
}

std::string polyline(const Frame& frame, const Series& series, const char* colour)
{
    std::string points;
    size_t count = 0;
    char pair[64];
    for (const auto& [x, y] : series.points) {
        if (!std::isfinite(y))
            continue;
        std::snprintf(pair, sizeof pair, "%.1f,%.1f ", frame.px(x), frame.py(y));
        points += pair;
        ++count;
    }
    std::string svg = "<polyline fill=\"none\" stroke=\"" + std::string(colour) + "\" stroke-width=\"" +
                      (series.faint ? "1\" opacity=\"0.35" : "2") + "\" points=\"" + points + "\"/>";
    if (count == 1) // a line of one point would not be seen
        for (const auto& [x, y] : series.points)
            if (std::isfinite(y)) {
                std::snprintf(pair, sizeof pair, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"",
                    frame.px(x), frame.py(y));
                svg += pair + std::string(colour) + "\"/>";
            }
    return svg;
}

} // namespace

std::vector<double> axisMarks(double low, double high, int count)
{
    const double rough = (high - low) / std::max(count, 1);
    if (!(rough > 0) || !std::isfinite(rough))
        return {low};
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= rough) {
            step = factor * power;
            break;
        }
    std::vector<double> marks;
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i)
        marks.push_back(i * step);
    return marks;
}

std::vector<std::pair<double, double>> thinned(
    const std::vector<std::pair<double, double>>& points, size_t count)
{
    if (points.size() <= count || count == 0)
        return points;
    std::vector<std::pair<double, double>> result;
    for (size_t i = 0; i < count; ++i) {
        const size_t begin = points.size() * i / count;
        const size_t end = points.size() * (i + 1) / count;
        double x = 0;
        double y = 0;
        for (size_t k = begin; k < end; ++k) {
            x += points[k].first;
            y += points[k].second;
        }
        const auto size = static_cast<double>(end - begin);
        result.emplace_back(x / size, y / size);
    }
    return result;
}

std::string svgChart(const Chart& chart)
{
    Frame frame;
    for (const Series& series : chart.series)
        for (const auto& [x, y] : series.points)
            if (std::isfinite(y)) {
                frame.x.take(x);
                frame.y.take(y);
            }
    frame.x.widen();
    frame.y.widen();
    char head[200];
    std::snprintf(
        head, sizeof head, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", width, height);
    std::string svg = head + escapeHtml(chart.title) + "\">";
    svg += text(left, 18, "start", chart.title, " font-weight=\"600\"");
    svg += axes(frame, chart);
    double legend = width - right;
    for (size_t i = chart.series.size(); i-- > 0;) {
        const Series& series = chart.series[i];
        // Faint lines share the colour of the line they stand behind and need no entry of their own.
        size_t index = 0;
        for (size_t k = 0; k < i; ++k)
            index += !chart.series[k].faint;
        svg += polyline(frame, series, colourOf(index));
        if (series.faint)
            continue;
        svg += text(legend, 18, "end", "● " + series.name,
            (" fill=\"" + std::string(colourOf(index)) + "\"").c_str());
        legend -= 16 + 7.5 * static_cast<double>(series.name.size() + 2);
    }
    return svg + "</svg>";
}

} // namespace gradloom::exports
