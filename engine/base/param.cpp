#include "engine/base/param.h"

#include <charconv>
#include <cmath>

namespace gradloom {

namespace {

ParamSpec makeSpec(std::string key, std::string title, ParamKind kind, ParamValue value, std::string help)
{
    ParamSpec spec;
    spec.key = std::move(key);
    spec.title = std::move(title);
    spec.kind = kind;
    spec.defaultValue = std::move(value);
    spec.help = std::move(help);
    return spec;
}

std::string formatNumber(double value)
{
    char text[64];
    auto [end, code] = std::to_chars(text, text + sizeof text, value);
    return code == std::errc() ? std::string(text, end) : std::to_string(value);
}

Error outside(const ParamSpec& spec, const std::string& where, const std::string& found)
{
    return invalidArgument(where + ": " + spec.title + " must be between " + formatNumber(spec.minimum) + " and " +
        formatNumber(spec.maximum) + " but is " + found + ".");
}

Error wrongType(const ParamSpec& spec, const std::string& where, const std::string& expected)
{
    return invalidArgument(where + ": " + spec.title + " (\"" + spec.key + "\") must be " + expected + ".");
}

Result<ParamValue> checkNumber(const ParamSpec& spec, const ParamValue& value, const std::string& where)
{
    if (spec.kind == ParamKind::Integer) {
        const auto* whole = std::get_if<int64_t>(&value);
        if (!whole)
            return wrongType(spec, where, "a whole number");
        if (static_cast<double>(*whole) < spec.minimum || static_cast<double>(*whole) > spec.maximum)
            return outside(spec, where, std::to_string(*whole));
        return value;
    }
    double number = 0;
    if (const auto* whole = std::get_if<int64_t>(&value))
        number = static_cast<double>(*whole);
    else if (const auto* real = std::get_if<double>(&value))
        number = *real;
    else
        return wrongType(spec, where, "a number");
    if (!std::isfinite(number) || number < spec.minimum || number > spec.maximum)
        return outside(spec, where, formatNumber(number));
    return ParamValue(number);
}

Result<ParamValue> checkList(const ParamSpec& spec, const ParamValue& value, const std::string& where)
{
    const auto* list = std::get_if<std::vector<int64_t>>(&value);
    if (spec.kind == ParamKind::Tuple) {
        const size_t count = std::get<std::vector<int64_t>>(spec.defaultValue).size();
        if (!list || list->size() != count)
            return wrongType(spec, where, std::to_string(count) + " whole numbers");
    } else if (!list || list->empty() || list->size() > 5) {
        return wrongType(spec, where, "a list of one to five whole numbers");
    }
    for (int64_t element : *list)
        if (static_cast<double>(element) < spec.minimum || static_cast<double>(element) > spec.maximum)
            return outside(spec, where, formatParam(value));
    return value;
}

Result<ParamValue> checkChoice(const ParamSpec& spec, const ParamValue& value, const std::string& where)
{
    const auto* text = std::get_if<std::string>(&value);
    std::string known;
    for (const auto& choice : spec.choices) {
        if (text && choice.value == *text)
            return value;
        known += (known.empty() ? "" : ", ") + choice.value;
    }
    return invalidArgument(where + ": " + spec.title + " (\"" + spec.key + "\") must be one of " + known +
        (text ? " but is \"" + *text + "\"." : std::string(".")));
}

} // namespace

ParamSpec ParamSpec::range(double low, double high) &&
{
    minimum = low;
    maximum = high;
    return std::move(*this);
}

ParamSpec ParamSpec::withUnit(std::string text) &&
{
    unit = std::move(text);
    return std::move(*this);
}

ParamSpec integerParam(std::string key, std::string title, int64_t value, double low, double high, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::Integer, value, std::move(help)).range(low, high);
}

ParamSpec realParam(std::string key, std::string title, double value, double low, double high, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::Real, value, std::move(help)).range(low, high);
}

ParamSpec switchParam(std::string key, std::string title, bool value, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::Switch, value, std::move(help));
}

ParamSpec choiceParam(
    std::string key, std::string title, std::string value, std::vector<ParamChoice> choices, std::string help)
{
    auto spec = makeSpec(std::move(key), std::move(title), ParamKind::Choice, std::move(value), std::move(help));
    spec.choices = std::move(choices);
    return spec;
}

ParamSpec tupleParam(
    std::string key, std::string title, std::vector<int64_t> value, double low, double high, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::Tuple, std::move(value), std::move(help)).range(low, high);
}

ParamSpec pairParam(
    std::string key, std::string title, int64_t first, int64_t second, double low, double high, std::string help)
{
    return tupleParam(std::move(key), std::move(title), {first, second}, low, high, std::move(help));
}

ParamSpec listParam(
    std::string key, std::string title, std::vector<int64_t> value, double low, double high, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::List, std::move(value), std::move(help)).range(low, high);
}

ParamSpec shapeParam(std::string key, std::string title, std::vector<int64_t> value, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::Shape, std::move(value), std::move(help))
        .range(1, 1 << 24);
}

ParamSpec textParam(std::string key, std::string title, std::string value, std::string help)
{
    return makeSpec(std::move(key), std::move(title), ParamKind::Text, std::move(value), std::move(help));
}

const ParamValue* Params::find(std::string_view key) const
{
    auto it = m_values.find(key);
    return it == m_values.end() ? nullptr : &it->second;
}

template <typename T>
const T& Params::get(std::string_view key) const
{
    const ParamValue* value = find(key);
    const T* typed = value ? std::get_if<T>(value) : nullptr;
    if (!typed)
        throw std::logic_error("option \"" + std::string(key) + "\" is missing or of another type");
    return *typed;
}

template const bool& Params::get<bool>(std::string_view) const;
template const int64_t& Params::get<int64_t>(std::string_view) const;
template const double& Params::get<double>(std::string_view) const;
template const std::string& Params::get<std::string>(std::string_view) const;
template const std::vector<int64_t>& Params::get<std::vector<int64_t>>(std::string_view) const;

int64_t Params::integerOr(std::string_view key, int64_t fallback) const
{
    return has(key) ? integer(key) : fallback;
}

double Params::realOr(std::string_view key, double fallback) const
{
    return has(key) ? real(key) : fallback;
}

std::string Params::textOr(std::string_view key, std::string fallback) const
{
    return has(key) ? text(key) : std::move(fallback);
}

Result<ParamValue> checkParam(const ParamSpec& spec, const ParamValue& value, const std::string& where)
{
    switch (spec.kind) {
    case ParamKind::Integer:
    case ParamKind::Real:
        return checkNumber(spec, value, where);
    case ParamKind::Switch:
        if (!std::holds_alternative<bool>(value))
            return wrongType(spec, where, "true or false");
        return value;
    case ParamKind::Choice:
        return checkChoice(spec, value, where);
    case ParamKind::Tuple:
    case ParamKind::List:
    case ParamKind::Shape:
        return checkList(spec, value, where);
    case ParamKind::Text:
        if (!std::holds_alternative<std::string>(value))
            return wrongType(spec, where, "a text");
        return value;
    }
    return wrongType(spec, where, "of a known kind");
}

Result<Params> completeParams(const std::vector<ParamSpec>& specs, const Params& given, const std::string& where)
{
    Params complete;
    for (const auto& spec : specs) {
        const ParamValue* value = given.find(spec.key);
        if (!value) {
            complete.set(spec.key, spec.defaultValue);
            continue;
        }
        auto checked = checkParam(spec, *value, where);
        if (!checked)
            return checked.error();
        complete.set(spec.key, *checked);
    }
    for (const auto& [key, value] : given)
        if (!complete.has(key))
            return invalidArgument(where + ": there is no option \"" + key + "\".");
    return complete;
}

std::string formatParam(const ParamValue& value)
{
    if (const auto* flag = std::get_if<bool>(&value))
        return *flag ? "on" : "off";
    if (const auto* whole = std::get_if<int64_t>(&value))
        return std::to_string(*whole);
    if (const auto* real = std::get_if<double>(&value))
        return formatNumber(*real);
    if (const auto* text = std::get_if<std::string>(&value))
        return *text;
    std::string joined;
    for (int64_t element : std::get<std::vector<int64_t>>(value))
        joined += (joined.empty() ? "" : " × ") + std::to_string(element);
    return joined;
}

} // namespace gradloom
