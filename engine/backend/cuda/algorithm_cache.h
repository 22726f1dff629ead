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

/// What was measured for the sizes of an operation.
struct Measured
{
    std::vector<MeasuredAlgorithm> algorithms;
    bool complete = true; ///< false: the device had too little memory free to try all
};

/// Workspace that an algorithm may ask for; faster ones that need more are not worth it.
inline constexpr int64_t workspaceLimit = int64_t{512} << 20;

/// The fastest one that fits: within the memory limit and, where that is asked for, with the same bits every
/// time. Those that were not measured as they will be used come last; of equally fast ones the first is
/// taken.
std::optional<MeasuredAlgorithm> chooseAlgorithm(
    std::span<const MeasuredAlgorithm> measured, int64_t memoryLimit, bool deterministic);

/// What was measured for each operation, by sizes and settings; which of it is chosen depends on the memory
/// that is there. Belongs to one device.
class AlgorithmCache
{
public:
    /// What the times of a convolution depend on.
    static std::string key(const LibraryConvolution& convolution, const Settings& settings);

    /// What is remembered, or what `measure` finds.
    template <class Measure>
    const std::vector<MeasuredAlgorithm>& find(const std::string& key, const Measure& measure)
    {
        const auto known = m_measured.find(key);
        return (known != m_measured.end() ? known : m_measured.emplace(key, measure()).first)
            ->second.algorithms;
    }
    /// The rest may be tried now, when there is more memory. Not while an executable is prepared, which asks
    /// twice.
    void forgetIncomplete()
    {
        std::erase_if(m_measured, [](const auto& one) { return !one.second.complete; });
    }
    size_t size() const { return m_measured.size(); }

private:
    std::map<std::string, Measured> m_measured;
};

} // namespace gradloom::cuda
