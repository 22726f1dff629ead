#include "widgets/live/live_text.h"

#include "widgets/live/plot_math.h"

#include <cmath>
#include <cstdio>

namespace gradloom::widgets {

namespace {

template <typename... Values>
std::string print(const char* format, Values... values)
{
    char text[64];
    std::snprintf(text, sizeof text, format, values...);
    return text;
}

} // namespace

std::string percentText(double share, int digits)
{
    return std::isfinite(share) ? print("%.*f %%", digits, share * 100) : "–";
}

std::string durationText(double seconds)
{
    const auto whole = static_cast<long long>(std::llround(std::max(0.0, seconds)));
    if (whole >= 3600)
        return print("%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    return print("%lld:%02lld", whole / 60, whole % 60);
}

std::string lossText(double value)
{
    if (!std::isfinite(value))
        return "–";
    const double size = std::abs(value);
    if (size != 0 && (size < 1e-3 || size >= 1e4))
        return print("%.3e", value);
    return print("%.*f", size < 10 ? 4 : size < 100 ? 2 : 1, value);
}

std::string rateText(double value)
{
    if (!(value > 0))
        return "0";
    int power = static_cast<int>(std::floor(std::log10(value)));
    double digits = value / std::pow(10.0, power);
    if (digits >= 9.95) {
        digits = 1;
        ++power;
    }
    return print("%.*fe%d", std::abs(digits * 10 - std::round(digits * 10)) < 0.01 ? 1 : 2, digits, power);
}

std::string countText(double value)
{
    return std::isfinite(value) ? tickText(std::round(value), 1) : "–";
}

std::string bytesText(double bytes)
{
    if (bytes >= 1e9)
        return print("%.1f GB", bytes / 1e9);
    return print("%.0f MB", bytes / 1e6);
}

} // namespace gradloom::widgets
