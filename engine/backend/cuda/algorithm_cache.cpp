#include "engine/backend/cuda/algorithm_cache.h"

namespace gradloom::cuda {

std::optional<MeasuredAlgorithm> chooseAlgorithm(
    std::span<const MeasuredAlgorithm> measured, int64_t memoryLimit, bool deterministic)
{
    const auto isBetter = [](const MeasuredAlgorithm& a, const MeasuredAlgorithm& b) {
        return a.asUsed != b.asUsed ? a.asUsed : a.milliseconds < b.milliseconds;
    };
    const MeasuredAlgorithm* best = nullptr;
    for (const MeasuredAlgorithm& candidate : measured) {
        if (candidate.workspaceBytes > memoryLimit || (deterministic && !candidate.deterministic))
            continue;
        if (!best || isBetter(candidate, *best))
            best = &candidate;
    }
    return best ? std::optional(*best) : std::nullopt;
}

std::string AlgorithmCache::key(const LibraryConvolution& c, const Settings& settings)
{
    const WindowShape& s = c.shape;
    std::string key = "convolution";
    for (const int64_t part : {static_cast<int64_t>(c.pass), static_cast<int64_t>(c.number),
             static_cast<int64_t>(settings.precision), static_cast<int64_t>(settings.deterministic), s.n, s.h,
             s.w, s.c, s.kh, s.kw, s.k, s.strideH, s.strideW, s.dilationH, s.dilationW, s.padTop, s.padLeft,
             s.groups})
        key += " " + std::to_string(part);
    return key;
}

} // namespace gradloom::cuda
