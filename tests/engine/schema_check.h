#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace gradloom::test {

/// Checks JSON against the keywords of JSON Schema (draft 2020-12) that our schemas use. A keyword it does
/// not know is a fault of the schema, so that nothing is silently left unchecked.
class SchemaCheck
{
public:
    using Json = nlohmann::json;

    explicit SchemaCheck(Json schema) : m_schema(std::move(schema)) {}

    /// Empty where `value` obeys the schema, else the first fault with its place.
    std::string faultOf(const Json& value) const { return check(value, m_schema, "$"); }

private:
    std::string check(const Json& value, const Json& schema, const std::string& place) const
    {
        for (const auto& [keyword, rule] : schema.items())
            if (std::string fault = apply(keyword, rule, value, schema, place); !fault.empty())
                return fault;
        return {};
    }

    std::string apply(const std::string& keyword, const Json& rule, const Json& value, const Json& schema,
        const std::string& place) const
    {
        static const std::set<std::string> silent{
            "$schema", "$id", "$defs", "title", "description", "default", "properties"};
        if (keyword == "properties")
            return properties(rule, value, place);
        if (silent.contains(keyword))
            return {};
        if (keyword == "$ref")
            return check(value, m_schema.at(Json::json_pointer(rule.get<std::string>().substr(1))), place);
        if (keyword == "additionalProperties")
            return additional(rule, value, schema, place);
        if (keyword == "propertyNames")
            return names(rule, value, place);
        if (keyword == "items")
            return items(rule, value, place);
        if (keyword == "anyOf") {
            for (const Json& choice : rule)
                if (check(value, choice, place).empty())
                    return {};
            return place + " fits none of anyOf";
        }
        const auto simple = rules().find(keyword);
        if (simple == rules().end())
            return "the schema uses the unknown keyword " + keyword;
        return simple->second(value, rule) ? std::string() : place + " breaks " + keyword + " " + rule.dump();
    }

    std::string properties(const Json& rule, const Json& value, const std::string& place) const
    {
        if (value.is_object())
            for (const auto& [key, member] : value.items())
                if (rule.contains(key))
                    if (std::string fault = check(member, rule[key], place + "." + key); !fault.empty())
                        return fault;
        return {};
    }

    std::string additional(
        const Json& rule, const Json& value, const Json& schema, const std::string& place) const
    {
        if (!value.is_object())
            return {};
        const Json known = schema.value("properties", Json::object());
        for (const auto& [key, member] : value.items()) {
            if (known.contains(key))
                continue;
            if (rule.is_boolean() && !rule.get<bool>())
                return place + " has the unknown key " + key;
            if (rule.is_object())
                if (std::string fault = check(member, rule, place + "." + key); !fault.empty())
                    return fault;
        }
        return {};
    }

    std::string names(const Json& rule, const Json& value, const std::string& place) const
    {
        if (value.is_object())
            for (const auto& [key, member] : value.items())
                if (std::string fault = check(Json(key), rule, place + " key " + key); !fault.empty())
                    return fault;
        return {};
    }

    std::string items(const Json& rule, const Json& value, const std::string& place) const
    {
        if (value.is_array())
            for (size_t i = 0; i < value.size(); ++i)
                if (std::string fault = check(value[i], rule, place + "[" + std::to_string(i) + "]");
                    !fault.empty())
                    return fault;
        return {};
    }

    static bool hasType(const Json& value, const std::string& type)
    {
        if (type == "integer")
            return value.is_number_integer() ||
                   (value.is_number() && value.get<double>() == std::floor(value.get<double>()));
        return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
               (type == "string" && value.is_string()) || (type == "number" && value.is_number()) ||
               (type == "boolean" && value.is_boolean()) || (type == "null" && value.is_null());
    }

    static size_t length(const Json& text)
    {
        size_t count = 0;
        for (unsigned char c : text.get_ref<const std::string&>())
            count += (c & 0xC0) != 0x80;
        return count;
    }

    using Rule = std::function<bool(const Json& value, const Json& rule)>;
    static const std::map<std::string, Rule>& rules()
    {
        static const std::map<std::string, Rule> table{
            {"type", [](const Json& v, const Json& r) { return hasType(v, r); }},
            {"const", [](const Json& v, const Json& r) { return v == r; }},
            {"enum",
                [](const Json& v, const Json& r) { return std::find(r.begin(), r.end(), v) != r.end(); }},
            {"minimum", [](const Json& v, const Json& r) { return !v.is_number() || v >= r; }},
            {"maximum", [](const Json& v, const Json& r) { return !v.is_number() || v <= r; }},
            {"minItems", [](const Json& v, const Json& r) { return !v.is_array() || v.size() >= r; }},
            {"maxItems", [](const Json& v, const Json& r) { return !v.is_array() || v.size() <= r; }},
            {"maxProperties", [](const Json& v, const Json& r) { return !v.is_object() || v.size() <= r; }},
            {"maxLength", [](const Json& v, const Json& r) { return !v.is_string() || length(v) <= r; }},
            {"pattern",
                [](const Json& v, const Json& r) {
                    return !v.is_string() ||
                           std::regex_search(v.get<std::string>(), std::regex(r.get<std::string>()));
                }},
            {"required",
                [](const Json& v, const Json& r) {
                    return !v.is_object() || std::all_of(r.begin(), r.end(), [&](const Json& key) {
                        return v.contains(key.get<std::string>());
                    });
                }},
        };
        return table;
    }

    Json m_schema;
};

} // namespace gradloom::test
