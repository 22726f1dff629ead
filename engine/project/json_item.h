#pragma once

// Private to engine/project.

#include "engine/project/json_text.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace gradloom::project {

/// The first fault found in a document. Reading goes on after it with harmless values, so that the reading
/// code need not ask after every step.
class Faults
{
public:
    explicit Faults(std::string origin) : m_origin(std::move(origin)) {}
    /// `place` is empty for the whole file; `what` begins in lower case and ends without a full stop.
    void report(const std::string& place, const std::string& what);
    /// A message that already begins with its place.
    void reportSentence(const std::string& sentence);
    bool any() const { return !m_message.empty(); }
    Error error() const { return invalidFile(m_message); }

private:
    std::string m_origin;
    std::string m_message;
};

/// A value in an untrusted document, with its place: "nodes[3].options.filters". It may be absent.
class Item
{
public:
    Item(Faults& faults, const nlohmann::json* value, std::string place)
        : m_faults(&faults), m_value(value), m_place(std::move(place))
    {
    }

    bool present() const { return m_value != nullptr; }
    const std::string& place() const { return m_place; }
    const nlohmann::json& value() const { return *m_value; }
    void report(const std::string& what) const { m_faults->report(m_place, what); }
    Faults& faults() const { return *m_faults; }

    /// Reports unless this is an object with no other keys than these.
    bool isObject(std::initializer_list<std::string_view> keys) const;
    /// A member of an object, absent or not.
    Item operator[](const char* key) const;
    /// The same; absence is a fault.
    Item required(const char* key) const;
    /// Elements of a list, none where the item is absent; `most` limits their number.
    std::vector<Item> elements(size_t most) const;

    // Values; an absent item gives the fallback, a wrong one is a fault.
    std::string text(size_t mostBytes, const std::string& fallback = {}) const;
    int64_t integer(int64_t low, int64_t high, int64_t fallback) const;
    uint64_t natural(uint64_t fallback) const;
    bool flag(bool fallback) const;
    double real(double low, double high, double fallback) const;

private:
    std::string wanted(const std::string& what) const;

    Faults* m_faults;
    const nlohmann::json* m_value;
    std::string m_place;
};

} // namespace gradloom::project
