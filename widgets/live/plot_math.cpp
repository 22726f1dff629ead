#include "widgets/live/plot_math.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace gradloom::widgets {

std::vector<double> niceTicks(const Range& range, int most)
{
    std::vector<double> ticks;
    if (!(range.length() > 0) || !std::isfinite(range.length()) || most < 1)
        return ticks;
    const double rough = range.length() / most;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (double factor : {1.0, 2.0, 2.5, 5.0})
        if (factor * power >= rough * (1 - 1e-9)) {
            step = factor * power;
            break;
        }
    const double first = std::ceil(range.low / step - 1e-9);
    const double last = std::floor(range.high / step + 1e-9);
    for (double k = first; k <= last; k += 1)
        ticks.push_back(k == 0 ? 0 : k * step);
    return ticks;
}

std::vector<double> logTicks(const Range& range)
{
    std::vector<double> ticks;
    if (!(range.low > 0) || !(range.high > range.low))
        return ticks;
    const double decades = std::log10(range.high / range.low);
    const int first = static_cast<int>(std::floor(std::log10(range.low)));
    const int last = static_cast<int>(std::ceil(std::log10(range.high)));
    const int stride = std::max(1, static_cast<int>(decades / 6));
    for (int power = first; power <= last; power += stride)
        for (double factor : {1.0, 2.0, 5.0}) {
            if (factor != 1.0 && decades > 2.5)
                continue;
            const double value = factor * std::pow(10.0, power);
            if (value >= range.low * (1 - 1e-9) && value <= range.high * (1 + 1e-9))
                ticks.push_back(value);
        }
    return ticks;
}

std::string tickText(double value, double step)
{
    if (value == 0)
        return "0";
    char text[48];
    const double size = std::max(std::abs(value), std::abs(step));
    if (size != 0 && (size >= 1e7 || std::abs(step) < 1e-4)) {
        std::snprintf(text, sizeof text, "%.3g", value);
        return text;
    }
    int digits = 0;
    while (digits < 6 &&
           std::abs(step * std::pow(10.0, digits) - std::round(step * std::pow(10.0, digits))) > 1e-6)
        ++digits;
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    std::string result = text;
    const size_t point = std::min(result.find('.'), result.size());
    const size_t start = result.front() == '-' ? 1 : 0;
    for (size_t at = point; at > start + 3; at -= 3)
        result.insert(at - 3, ",");
    return result;
}

double niceCeiling(double value)
{
    if (!(value > 0) || !std::isfinite(value))
        return 1;
    const double power = std::pow(10.0, std::floor(std::log10(value)));
    for (double factor : {1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0})
        if (factor * power >= value * (1 - 1e-9))
            return factor * power;
    return 10 * power;
}

double quantile(std::span<const double> values, double share)
{
    std::vector<double> finite;
    // A sample of some thousand is as good as all for a plot's range.
    const size_t stride = std::max<size_t>(1, values.size() / 4000);
    for (size_t i = 0; i < values.size(); i += stride)
        if (std::isfinite(values[i]))
            finite.push_back(values[i]);
    if (finite.empty())
        return 0;
    const auto middle =
        finite.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(finite.size() - 1));
    std::nth_element(finite.begin(), middle, finite.end());
    return *middle;
}

std::vector<PlotColumn> decimate(
    std::span<const double> x, std::span<const double> y, const Range& range, int columns)
{
    std::vector<PlotColumn> result;
    if (!(range.length() > 0) || columns < 1 || x.empty())
        return result;
    auto begin = static_cast<size_t>(std::lower_bound(x.begin(), x.end(), range.low) - x.begin());
    auto end = static_cast<size_t>(std::upper_bound(x.begin(), x.end(), range.high) - x.begin());
    begin -= begin > 0;
    end += end < x.size();
    const double perUnit = columns / range.length();
    double current = -2;
    for (size_t i = begin; i < end; ++i) {
        const double value = y[i];
        if (!std::isfinite(value))
            continue;
        const double column =
            std::clamp(std::floor((x[i] - range.low) * perUnit), -1.0, static_cast<double>(columns));
        if (column != current || result.empty()) {
            result.push_back({x[i], value, value, value});
            current = column;
            continue;
        }
        PlotColumn& last = result.back();
        last.x = x[i];
        last.low = std::min(last.low, value);
        last.high = std::max(last.high, value);
        last.last = value;
    }
    return result;
}

size_t nearest(std::span<const double> x, double at)
{
    const auto after = static_cast<size_t>(std::lower_bound(x.begin(), x.end(), at) - x.begin());
    if (after == 0 || x.empty())
        return after;
    if (after == x.size())
        return after - 1;
    return at - x[after - 1] <= x[after] - at ? after - 1 : after;
}

SmoothCurve::SmoothCurve(double amount)
    // From one step to about a thousand.
    : m_keep(amount > 0 ? 1 - std::pow(10.0, -3 * std::min(amount, 1.0)) : 0),
      m_reach(m_keep > 0 ? static_cast<size_t>(std::ceil(std::log(1e-4) / std::log(m_keep))) : 0)
{
}

void SmoothCurve::extend(std::span<const double> raw)
{
    const size_t old = m_values.size();
    if (raw.size() <= old)
        return;
    m_values.resize(raw.size());
    for (size_t i = old; i < raw.size(); ++i) {
        const bool counts = std::isfinite(raw[i]);
        m_sums.push_back((i > 0 ? m_keep * m_sums[i - 1] : 0) + (counts ? raw[i] : 0));
        m_weights.push_back((i > 0 ? m_keep * m_weights[i - 1] : 0) + (counts ? 1 : 0));
    }
    double sum = 0, weight = 0; // of the points behind
    for (size_t i = raw.size(); i-- > old - std::min(old, m_reach);) {
        if (!std::isfinite(raw[i])) {
            m_values[i] = raw[i];
        } else {
            m_values[i] = (m_sums[i] + m_keep * sum) / (m_weights[i] + m_keep * weight);
            sum = m_keep * sum + raw[i];
            weight = m_keep * weight + 1;
            continue;
        }
        sum *= m_keep;
        weight *= m_keep;
    }
}

} // namespace gradloom::widgets
