#pragma once

#include "engine/graph/graph.h"
#include "engine/train/model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace gradloom::tests {

/// Element `index` of the numbers in [0, 1) that reference_training.py calls uniform(seed, ...): splitmix64
/// (Steele et al. 2014) of a counter. Both sides make the same bits, so large contents need not be stored.
inline double goldenUniform(uint64_t seed, uint64_t index)
{
    uint64_t z = ((seed << 32) + index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return static_cast<double>(z >> 40) * 0x1p-24;
}

/// Starting weights: the k-th in the order of names from seed k + 1.
inline train::Weights goldenWeights(train::Weights weights)
{
    uint64_t seed = 0;
    for (auto& [name, tensor] : weights) {
        ++seed;
        const auto fanIn = static_cast<double>(tensor.elements() / tensor.shape()[-1]);
        const double limit = name.ends_with(".weight") ? std::sqrt(6.0 / fanIn) : 0.1;
        for (size_t i = 0; i < tensor.floats().size(); ++i)
            tensor.floats()[i] = static_cast<float>((goldenUniform(seed, i) * 2 - 1) * limit);
    }
    return weights;
}

struct GoldenBatch
{
    Tensor samples;
    Tensor labels;
};

/// Random samples with something to learn in them: half is the class's own pattern.
inline GoldenBatch goldenBatch(const Shape& sample, int64_t size, int64_t classes, uint64_t step)
{
    GoldenBatch batch{Tensor(sample.prepended(size)), Tensor(Shape{size}, DType::I32)};
    const auto elements = static_cast<uint64_t>(sample.elements());
    for (uint64_t n = 0; n < static_cast<uint64_t>(size); ++n) {
        const double label = std::floor(goldenUniform(1000 + step, n) * static_cast<double>(classes));
        batch.labels.as<int32_t>()[n] = static_cast<int32_t>(label);
        for (uint64_t i = 0; i < elements; ++i) {
            const double noise = goldenUniform(2000 + step, n * elements + i);
            const double pattern = goldenUniform(3000, static_cast<uint64_t>(label) * elements + i);
            batch.samples.floats()[n * elements + i] = static_cast<float>(0.5 * noise + 0.5 * pattern);
        }
    }
    return batch;
}

} // namespace gradloom::tests
