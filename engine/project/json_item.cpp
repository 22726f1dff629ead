#include "engine/project/json_item.h"

#include <algorithm>

namespace gradloom::project {

using nlohmann::json;

namespace {

/// A limit as people write it: 0.9, 1000000.
std::string shortest(double value)
{
    const auto whole = static_cast<int64_t>(value);
    return value == static_cast<double>(whole) ? std::to_string(whole) : json(value).dump();
}

} // namespace

void Faults::report(const std::string& place, const std::string& what)
{
    reportSentence((place.empty() ? "" : place + " ") + what + ".");
}

void Faults::reportSentence(const std::string& sentence)
{
    if (m_message.empty())
        m_message = m_origin + ": " + sentence;
}

bool Item::isObject(std::initializer_list<std::string_view> keys) const
{
    if (!m_value)
        return false;
    if (!m_value->is_object()) {
        report(wanted("an object"));
        return false;
    }
    for (const auto& [key, value] : m_value->items()) {
        if (std::find(keys.begin(), keys.end(), key) != keys.end())
            continue;
        std::string known;
        for (std::string_view name : keys)
            known += (known.empty() ? "" : ", ") + std::string(name);
        report((m_place.empty() ? "the file has" : "has") + std::string(" the unknown key ") + shown(key) +
               "; known are " + known);
        return false;
    }
    return true;
}

Item Item::operator[](const char* key) const
{
    const std::string place = m_place.empty() ? key : m_place + "." + key;
    const json* member = nullptr;
    if (m_value && m_value->is_object())
        if (auto it = m_value->find(key); it != m_value->end())
            member = &*it;
    return {*m_faults, member, place};
}

Item Item::required(const char* key) const
{
    Item item = (*this)[key];
    if (!item.present() && m_value)
        item.report("is missing");
    return item;
}

std::vector<Item> Item::elements(size_t most) const
{
    if (!m_value)
        return {};
    if (!m_value->is_array()) {
        report(wanted("a list"));
        return {};
    }
    if (m_value->size() > most) {
        report("has " + std::to_string(m_value->size()) + " entries, more than the " + std::to_string(most) +
               " allowed");
        return {};
    }
    std::vector<Item> items;
    for (size_t i = 0; i < m_value->size(); ++i)
        items.emplace_back(*m_faults, &(*m_value)[i], m_place + "[" + std::to_string(i) + "]");
    return items;
}

std::string Item::text(size_t mostBytes, const std::string& fallback) const
{
    if (!m_value)
        return fallback;
    if (!m_value->is_string()) {
        report(wanted("a text"));
        return fallback;
    }
    const auto& text = m_value->get_ref<const std::string&>();
    if (text.size() <= mostBytes)
        return text;
    report("has " + std::to_string(text.size()) + " bytes of text, more than the " +
           std::to_string(mostBytes) + " allowed");
    return fallback;
}

int64_t Item::integer(int64_t low, int64_t high, int64_t fallback) const
{
    if (!m_value)
        return fallback;
    const bool fits = m_value->is_number_unsigned()
                          ? m_value->get<uint64_t>() <= static_cast<uint64_t>(std::max<int64_t>(high, 0))
                          : m_value->is_number_integer() && m_value->get<int64_t>() <= high;
    if (fits && m_value->get<int64_t>() >= low)
        return m_value->get<int64_t>();
    report(wanted("a whole number between " + std::to_string(low) + " and " + std::to_string(high)));
    return fallback;
}

uint64_t Item::natural(uint64_t fallback) const
{
    if (!m_value)
        return fallback;
    if (m_value->is_number_unsigned())
        return m_value->get<uint64_t>();
    report(wanted("a whole number from 0 to 18446744073709551615"));
    return fallback;
}

double Item::real(double low, double high, double fallback) const
{
    if (!m_value)
        return fallback;
    if (m_value->is_number()) {
        const auto number = m_value->get<double>();
        if (number >= low && number <= high)
            return number;
    }
    report(wanted("a number between " + shortest(low) + " and " + shortest(high)));
    return fallback;
}

bool Item::flag(bool fallback) const
{
    if (!m_value)
        return fallback;
    if (m_value->is_boolean())
        return m_value->get<bool>();
    report(wanted("true or false"));
    return fallback;
}

std::string Item::wanted(const std::string& what) const
{
    return std::string(m_place.empty() ? "the file must be " : "must be ") + what + " but is " +
           shown(*m_value);
}

} // namespace gradloom::project
