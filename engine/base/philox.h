#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace gradloom {

/// Philox4x32-10, a counter-based generator: the numbers depend on (key, counter) alone, so any element of a
/// random tensor can be computed anywhere, in any order, on any device.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key)
{
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53u} * counter[0];
        const uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
            static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

/// A sequential stream over Philox for setting up (initial weights, shuffling, generated data).
class Random
{
public:
    explicit Random(uint64_t seed, uint64_t stream = 0)
        : m_key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, m_stream(stream)
    {
    }

    uint32_t next()
    {
        if (m_used == 4) {
            m_block = philox4x32({static_cast<uint32_t>(m_counter), static_cast<uint32_t>(m_counter >> 32),
                                     static_cast<uint32_t>(m_stream), static_cast<uint32_t>(m_stream >> 32)},
                m_key);
            ++m_counter;
            m_used = 0;
        }
        return m_block[m_used++];
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }
    float uniform(float low, float high) { return low + (high - low) * uniform(); }

    /// Uniform in 0 .. count-1 without bias (Lemire 2019).
    uint32_t below(uint32_t count)
    {
        uint64_t product = uint64_t{next()} * count;
        if (static_cast<uint32_t>(product) < count) {
            const uint32_t threshold = (0u - count) % count;
            while (static_cast<uint32_t>(product) < threshold)
                product = uint64_t{next()} * count;
        }
        return static_cast<uint32_t>(product >> 32);
    }

    /// Standard normal (Box and Muller 1958).
    float normal()
    {
        const double radius = std::sqrt(-2.0 * std::log((next() + 1.0) * 0x1p-32));
        return static_cast<float>(radius * std::cos(6.283185307179586 * (next() * 0x1p-32)));
    }

private:
    std::array<uint32_t, 2> m_key;
    uint64_t m_stream;
    uint64_t m_counter = 0;
    std::array<uint32_t, 4> m_block{};
    int m_used = 4;
};

} // namespace gradloom
