#pragma once

#include "engine/base/result.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradloom {

/// The value of an option: switch, integer, real, choice or text, list of integers (tuple, list, shape).
using ParamValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

enum class ParamKind {
    Integer, ///< int64_t
    Real,    ///< double
    Switch,  ///< bool
    Choice,  ///< std::string, one of `choices`
    Tuple,   ///< as many int64_t as the default has, for example a kernel's height and width
    List,    ///< one to five int64_t
    Shape,   ///< extents: one to five int64_t whose product is a tensor's size
    Text     ///< std::string
};

struct ParamChoice
{
    std::string value; ///< what stands in files
    std::string title; ///< what people read
};

/// Declares one option of a layer, optimizer, schedule, data source or method. Inspector, file format,
/// command line and documentation are built from it.
struct ParamSpec
{
    std::string key;
    std::string title;
    ParamKind kind = ParamKind::Integer;
    ParamValue defaultValue;
    double minimum = 0; ///< for Integer, Real and each element of Tuple, List and Shape
    double maximum = 0;
    std::vector<ParamChoice> choices;
    std::string unit;
    std::string help;

    ParamSpec range(double low, double high) &&;
    ParamSpec withUnit(std::string text) &&;
};

ParamSpec integerParam(std::string key, std::string title, int64_t value, double low, double high, std::string help);
ParamSpec realParam(std::string key, std::string title, double value, double low, double high, std::string help);
ParamSpec switchParam(std::string key, std::string title, bool value, std::string help);
ParamSpec choiceParam(
    std::string key, std::string title, std::string value, std::vector<ParamChoice> choices, std::string help);
ParamSpec pairParam(
    std::string key, std::string title, int64_t first, int64_t second, double low, double high, std::string help);
ParamSpec tupleParam(
    std::string key, std::string title, std::vector<int64_t> value, double low, double high, std::string help);
ParamSpec listParam(
    std::string key, std::string title, std::vector<int64_t> value, double low, double high, std::string help);
ParamSpec shapeParam(std::string key, std::string title, std::vector<int64_t> value, std::string help);
ParamSpec textParam(std::string key, std::string title, std::string value, std::string help);

/// Options by key. The typed getters are for values that were completed by `completeParams`: a missing key or
/// another type is a programming error and throws.
class Params
{
public:
    Params() = default;
    Params(std::initializer_list<std::pair<const std::string, ParamValue>> values) : m_values(values) {}

    bool has(std::string_view key) const { return m_values.find(key) != m_values.end(); }
    const ParamValue* find(std::string_view key) const;
    void set(std::string key, ParamValue value) { m_values.insert_or_assign(std::move(key), std::move(value)); }
    void erase(const std::string& key) { m_values.erase(key); }

    bool flag(std::string_view key) const { return get<bool>(key); }
    int64_t integer(std::string_view key) const { return get<int64_t>(key); }
    double real(std::string_view key) const { return get<double>(key); }
    const std::string& text(std::string_view key) const { return get<std::string>(key); }
    const std::vector<int64_t>& list(std::string_view key) const { return get<std::vector<int64_t>>(key); }
    int64_t integerOr(std::string_view key, int64_t fallback) const;
    double realOr(std::string_view key, double fallback) const;
    std::string textOr(std::string_view key, std::string fallback) const;

    auto begin() const { return m_values.begin(); }
    auto end() const { return m_values.end(); }
    size_t size() const { return m_values.size(); }
    bool operator==(const Params&) const = default;

private:
    template <typename T>
    const T& get(std::string_view key) const;

    std::map<std::string, ParamValue, std::less<>> m_values;
};

/// Checks `value` against its declaration: type, range, choices. An integer is taken where a real is declared.
/// `where` begins the message, for example "conv2d_1". Returns the value in the declared type.
Result<ParamValue> checkParam(const ParamSpec& spec, const ParamValue& value, const std::string& where);

/// All declared options: the given ones checked, the others by default. Unknown keys are an error.
Result<Params> completeParams(const std::vector<ParamSpec>& specs, const Params& given, const std::string& where);

/// A value as people write it: "3 × 3", "0.001", "relu".
std::string formatParam(const ParamValue& value);

} // namespace gradloom
