#include "engine/project/json_text.h"

#include <algorithm>
#include <set>
#include <vector>

namespace gradloom::project {

namespace {

using nlohmann::json;

std::string placeOf(std::string_view text, size_t byte)
{
    const std::string_view before = text.substr(0, byte == 0 ? 0 : byte - 1);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t start = before.rfind('\n');
    const size_t column = start == std::string_view::npos ? before.size() + 1 : before.size() - start;
    return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// "[json.exception...] parse error at ...: syntax error while ... - invalid literal; last read: ..." holds
/// one useful part.
std::string reasonIn(std::string what)
{
    if (what.find("UTF-8") != std::string::npos)
        return "a character is not valid UTF-8";
    if (what.find("number overflow") != std::string::npos)
        return "a number is too large";
    if (const size_t dash = what.find(" - "); dash != std::string::npos)
        what = what.substr(dash + 3);
    return what.substr(0, what.find(';'));
}

/// Looks at the text once without keeping it.
class Guard
{
public:
    using number_integer_t = json::number_integer_t;
    using number_unsigned_t = json::number_unsigned_t;
    using number_float_t = json::number_float_t;
    using string_t = json::string_t;
    using binary_t = json::binary_t;

    Guard(std::string_view text, const JsonLimits& limits) : m_text(text), m_limits(limits) {}
    const std::string& fault() const { return m_fault; }

    bool null() { return count(); }
    bool boolean(bool) { return count(); }
    bool number_integer(number_integer_t) { return count(); }
    bool number_unsigned(number_unsigned_t) { return count(); }
    bool number_float(number_float_t, const string_t&) { return count(); }
    bool string(string_t&) { return count(); }
    bool binary(binary_t&) { return count(); }
    bool start_object(size_t) { return enter(); }
    bool start_array(size_t) { return enter(); }
    bool end_object() { return leave(); }
    bool end_array() { return leave(); }

    bool key(string_t& name)
    {
        if (m_keys.back().insert(name).second)
            return true;
        return refuse("has the key " + shown(name) + " twice in one object");
    }

    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error)
    {
        if (m_text.find_first_not_of(" \t\r\n") == std::string_view::npos)
            return refuse("is empty");
        if (position > m_text.size())
            return refuse("ends in the middle (" + placeOf(m_text, position) + "); it was probably cut off");
        return refuse("is not valid JSON at " + placeOf(m_text, position) + ": " + reasonIn(error.what()));
    }

private:
    bool refuse(std::string fault)
    {
        m_fault = std::move(fault);
        return false;
    }

    bool count()
    {
        if (++m_count > m_limits.values)
            return refuse("holds more than " + std::to_string(m_limits.values) + " values");
        return true;
    }

    bool enter()
    {
        if (m_keys.size() == m_limits.depth)
            return refuse("nests lists and objects more than " + std::to_string(m_limits.depth) + " deep");
        m_keys.emplace_back();
        return count();
    }

    bool leave()
    {
        m_keys.pop_back();
        return true;
    }

    std::string_view m_text;
    JsonLimits m_limits;
    size_t m_count = 0;
    std::vector<std::set<std::string>> m_keys; ///< of every open object; empty for lists
    std::string m_fault;
};

} // namespace

Result<json> parseJson(std::string_view text, const std::string& origin, const JsonLimits& limits)
{
    Guard guard(text, limits);
    if (!json::sax_parse(text.begin(), text.end(), &guard))
        return invalidFile(origin + " " + guard.fault() + ".");
    json document = json::parse(text.begin(), text.end(), nullptr, false);
    if (document.is_discarded())
        return invalidFile(origin + " is not valid JSON.");
    return document;
}

std::string shown(const json& value)
{
    if (value.is_array())
        return "a list";
    if (value.is_object())
        return "an object";
    constexpr size_t most = 40;
    std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
    return text.size() <= most ? text : text.substr(0, most) + "…" + (value.is_string() ? "\"" : "");
}

} // namespace gradloom::project
