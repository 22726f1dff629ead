#include "widgets/inspector/param_text.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace gradloom::widgets {

namespace {

QString tr(const char* source)
{
    return QCoreApplication::translate("ParamText", source);
}

Error unreadable(const ParamSpec& spec, const QString& expected)
{
    return invalidArgument(
        tr("%1 must be %2.").arg(QString::fromStdString(spec.title), expected).toStdString());
}

Result<ParamValue> parseList(const ParamSpec& spec, const QString& text)
{
    static const QRegularExpression separators(QStringLiteral("[×xX*,;\\s]+"));
    std::vector<int64_t> list;
    for (const auto& part : text.split(separators, Qt::SkipEmptyParts)) {
        bool ok = false;
        list.push_back(part.toLongLong(&ok));
        if (!ok)
            return unreadable(spec, tr("whole numbers such as 3 × 3"));
    }
    // One number for a kernel's height and width means a square.
    if (spec.kind == ParamKind::Tuple && list.size() == 1)
        list.resize(std::get<std::vector<int64_t>>(spec.defaultValue).size(), list.front());
    return ParamValue(std::move(list));
}

double leadingStep(double value)
{
    return value == 0 ? 0.1 : std::pow(10.0, std::floor(std::log10(std::abs(value)) + 1e-9));
}

double steppedReal(const ParamSpec& spec, double value, int direction)
{
    // Small ranges near zero, such as a learning rate, are walked digit by digit: 0.001, 0.002 … 0.01.
    double step = leadingStep(value);
    if (direction < 0 && value > 0 && std::abs(value - step) < step * 1e-6)
        step /= 10;
    const double moved = std::clamp(value + direction * step, spec.minimum, spec.maximum);
    const double digits = leadingStep(moved == 0 ? step : moved) / 100;
    return moved == 0 ? 0 : std::round(moved / digits) * digits;
}

} // namespace

QString paramText(const ParamValue& value)
{
    // Six digits say what a person needs to know of 1/12; the value itself is not rounded.
    if (const auto* real = std::get_if<double>(&value))
        return QString::number(*real, 'g', 6);
    return QString::fromStdString(formatParam(value));
}

Result<ParamValue> parseParam(const ParamSpec& spec, const QString& text)
{
    const std::string where;
    Result<ParamValue> parsed = unreadable(spec, tr("a value"));
    bool ok = false;
    const QString trimmed = text.trimmed();
    switch (spec.kind) {
    case ParamKind::Integer:
        parsed = ParamValue(static_cast<int64_t>(trimmed.toLongLong(&ok)));
        if (!ok)
            return unreadable(spec, tr("a whole number"));
        break;
    case ParamKind::Real:
        parsed = ParamValue(QString(trimmed).replace(QLatin1Char(','), QLatin1Char('.')).toDouble(&ok));
        if (!ok)
            return unreadable(spec, tr("a number"));
        break;
    case ParamKind::Tuple:
    case ParamKind::List:
    case ParamKind::Shape:
        parsed = parseList(spec, trimmed);
        if (!parsed)
            return parsed;
        break;
    case ParamKind::Switch:
        return ParamValue(trimmed == QLatin1String("on"));
    case ParamKind::Choice:
    case ParamKind::Text:
        parsed = ParamValue(text.toStdString());
        break;
    }
    return checkParam(spec, *parsed, spec.title);
}

ParamValue steppedParam(const ParamSpec& spec, const ParamValue& value, int direction, bool coarse)
{
    const auto bounded = [&](int64_t whole) {
        const double moved = static_cast<double>(whole) + direction * (coarse ? 10 : 1);
        return static_cast<int64_t>(std::clamp(moved, spec.minimum, spec.maximum));
    };
    if (const auto* whole = std::get_if<int64_t>(&value))
        return bounded(*whole);
    if (const auto* real = std::get_if<double>(&value))
        return steppedReal(spec, *real, direction);
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value); list && spec.kind == ParamKind::Tuple) {
        std::vector<int64_t> moved = *list;
        for (auto& element : moved)
            element = bounded(element);
        return moved;
    }
    return value;
}

} // namespace gradloom::widgets
