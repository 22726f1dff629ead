#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace gradloom {

/// The things of one kind (layers, primitives, optimizers ...) found by their `id`.
/// A repeated id is a mistake in the program and stops it at start.
template <typename T>
class Registry
{
public:
    explicit Registry(std::vector<T> all) : m_all(std::move(all))
    {
        std::sort(m_all.begin(), m_all.end(), [](const T& a, const T& b) { return a.id < b.id; });
        for (size_t i = 1; i < m_all.size(); ++i)
            if (m_all[i - 1].id == m_all[i].id) {
                std::fprintf(stderr, "gradloom: the id \"%s\" is registered twice\n", m_all[i].id.c_str());
                std::abort();
            }
    }

    /// All entries, sorted by id.
    const std::vector<T>& all() const { return m_all; }

    /// The entry with this id, or nullptr.
    const T* find(std::string_view id) const
    {
        auto it = std::lower_bound(
            m_all.begin(), m_all.end(), id, [](const T& entry, std::string_view key) { return entry.id < key; });
        return it != m_all.end() && it->id == id ? &*it : nullptr;
    }

private:
    std::vector<T> m_all;
};

} // namespace gradloom
