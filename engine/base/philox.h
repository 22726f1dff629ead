#pragma once

#include "engine/base/device_code.h"

#include <cmath>
#include <cstdint>

namespace gradloom {

struct RandomBlock
{
    uint32_t word[4];
};

/// Philox4x32-10, a counter-based generator: the numbers depend on (key, counter) alone, so any element of a
/// random tensor can be computed anywhere, in any order, on any device.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
GRADLOOM_DEVICE RandomBlock philox4x32(RandomBlock counter, uint64_t key)
{
    auto key0 = static_cast<uint32_t>(key);
    auto key1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53U} * counter.word[0];
        const uint64_t b = uint64_t{0xCD9E8D57U} * counter.word[2];
        counter = {{static_cast<uint32_t>(b >> 32) ^ counter.word[1] ^ key0, static_cast<uint32_t>(b),
            static_cast<uint32_t>(a >> 32) ^ counter.word[3] ^ key1, static_cast<uint32_t>(a)}};
        key0 += 0x9E3779B9U;
        key1 += 0xBB67AE85U;
    }
    return counter;
}

/// Standard normal (Box and Muller 1958) of two random words.
GRADLOOM_DEVICE float normalOf(uint32_t first, uint32_t second)
{
    const double radius = sqrt(-2.0 * log((first + 1.0) * 0x1p-32));
    return static_cast<float>(radius * cos(6.283185307179586 * (second * 0x1p-32)));
}

/// A sequential stream over Philox for setting up (initial weights, shuffling, generated data).
class Random
{
public:
    explicit Random(uint64_t seed, uint64_t stream = 0) : m_key(seed), m_stream(stream) {}

    /// Block number `index` of a stream.
    static GRADLOOM_DEVICE RandomBlock block(uint64_t seed, uint64_t stream, uint64_t index)
    {
        return philox4x32({{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                              static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)}},
            seed);
    }

    uint32_t next()
    {
        if (m_used == 4) {
            m_block = block(m_key, m_stream, m_counter++);
            m_used = 0;
        }
        return m_block.word[m_used++];
    }

    /// How many numbers were taken from the stream; seek() goes on behind so many.
    uint64_t position() const { return 4 * m_counter + static_cast<uint64_t>(m_used) - 4; }
    void seek(uint64_t position)
    {
        m_counter = position / 4;
        m_used = 4;
        for (uint64_t i = 0; i < position % 4; ++i)
            next();
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

    /// Standard normal.
    float normal()
    {
        const uint32_t first = next();
        return normalOf(first, next());
    }

private:
    uint64_t m_key;
    uint64_t m_stream;
    uint64_t m_counter = 0;
    RandomBlock m_block{};
    int m_used = 4;
};

} // namespace gradloom
