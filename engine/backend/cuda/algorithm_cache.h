#pragma once

#include "engine/backend/cuda/library.h"

#include <map>
#include <optional>
#include <span>
#include <vector>

namespace gradloom::cuda {

/// A way of computing an operation, as it was measured on the device.
struct MeasuredAlgorithm
{
    int algorithm = 0;
    int mathType = 0;
    int64_t workspaceBytes = 0;
    float milliseconds = 0; ///< or its place in an order by expected speed
    bool deterministic = false;
    bool asUsed = true; ///< false: measured in another kind of arithmetic than the one that will compute
};

/// Workspace that an algorithm may ask for; faster ones that need more are not worth it.
inline constexpr int64_t workspaceLimit = int64_t{512} << 20;

/// The fastest one that fits: within the memory limit and, where that is asked for, with the same bits every
/// time. Those that were not measured as they will be used come last; of equally fast ones the first is
/// taken.
std::optional<MeasuredAlgorithm> chooseAlgorithm(
    std::span<const MeasuredAlgorithm> measured, int64_t memoryLimit, bool deterministic);

/// The choice for each operation by sizes and settings. Belongs to one device.
class AlgorithmCache
{
public:
    /// What the choice for a convolution depends on.
    static std::string key(const LibraryConvolution& convolution, const Settings& settings);

    /// The remembered choice, or what `measure` finds; nothing where no algorithm fits.
    template <class Measure>
    std::optional<MeasuredAlgorithm> find(const std::string& key, const Measure& measure)
    {
        const auto known = m_chosen.find(key);
        if (known != m_chosen.end())
            return known->second;
        return m_chosen.emplace(key, measure()).first->second;
    }
    size_t size() const { return m_chosen.size(); }

private:
    std::map<std::string, std::optional<MeasuredAlgorithm>> m_chosen;
};

} // namespace gradloom::cuda
