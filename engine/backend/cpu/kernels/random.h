#pragma once

#include <cstdint>

namespace gradloom::cpu {

// Counter-based random numbers: Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2,
// 3" (2011). Value i depends on the key and i only: not on threads, on units or on the width of the vector
// registers, and it needs no state and no stored mask. Value i is word (i / 16) % 4 of the block with the
// counter {i / 64 * 16 + i % 16 (64 bits), step (32 bits), stream (32 bits)} under the key `seed`; so
// neighbouring values come from neighbouring blocks, which suits vectors of 1 to 16 lanes.

struct RandomKey
{
    std::uint64_t seed = 0;
    std::uint32_t stream = 0; ///< which node of the drawing
    std::uint32_t step = 0;   ///< which training step
    std::int64_t first = 0;   ///< value that an operation's first one is
};

/// Units: runs of randomUnit values.
inline constexpr std::int64_t randomUnit = 4096;
std::int64_t randomUnits(std::int64_t size);

/// y = x * mask / (1 - rate), mask 0 with probability `rate` (0 <= rate < 1). The gradient is the same call
/// on dy with the same key. y may be x.
struct DropoutArgs
{
    RandomKey key;
    float rate = 0.5F;
    std::int64_t size = 0;
    const float* x = nullptr;
    float* y = nullptr;
};
void dropout(const DropoutArgs& args, std::int64_t begin, std::int64_t end);

struct RandomFillArgs
{
    RandomKey key;
    std::int64_t size = 0;
    float* y = nullptr;
};
/// Raw 32-bit words, for tests and for other distributions.
void randomWords(
    const RandomKey& key, std::int64_t size, std::uint32_t* words, std::int64_t begin, std::int64_t end);
/// Uniform in [low, high), 24 bits of resolution.
void randomUniform(const RandomFillArgs& args, float low, float high, std::int64_t begin, std::int64_t end);
/// Normal (Box and Muller 1958). Same bits on every instruction set: no fused multiply-add is used.
void randomNormal(
    const RandomFillArgs& args, float mean, float deviation, std::int64_t begin, std::int64_t end);

} // namespace gradloom::cpu
