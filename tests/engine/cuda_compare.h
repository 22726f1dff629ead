#pragma once

#include "tests/engine/primitive_harness.h"

#include <algorithm>
#include <cmath>
#include <map>

/// What the operations of a GPU give, compared with the CPU.
namespace gradloom::tests {

/// Largest difference between the CPU's results and gradients and the GPU's, over what the numbers allow.
inline double difference(const Tensor& expected, const Tensor& actual)
{
    if (expected.dtype() == DType::U8)
        return std::equal(expected.data(), expected.data() + expected.bytes(), actual.data()) ? 0 : 1;
    if (expected.dtype() == DType::I32)
        return std::ranges::equal(expected.as<int32_t>(), actual.as<int32_t>()) ? 0 : 1;
    double scale = 1;
    for (float x : expected.floats())
        scale = std::max(scale, std::abs(static_cast<double>(x)));
    double worst = 0;
    for (size_t i = 0; i < expected.floats().size(); ++i) {
        const double d = std::abs(static_cast<double>(expected.floats()[i]) - actual.floats()[i]) / scale;
        worst = std::isnan(d) ? INFINITY : std::max(worst, d);
    }
    return worst;
}

/// Largest difference of any result or gradient; `kernels` gets what the device computes with, by operation.
inline double worstDifference(const Case& c, std::unique_ptr<backend::Backend> device, uint64_t seed,
    std::map<std::string, std::string>* kernels = nullptr)
{
    Harness cpu(c, backend::open("cpu", {2}).value());
    Harness gpu(c, std::move(device));
    if (kernels)
        for (size_t i = 0; i < gpu.kernels().size(); ++i)
            (*kernels)[gpu.plan().program.ops[i].type->id] = gpu.kernels()[i];
    for (Harness* harness : {&cpu, &gpu}) {
        harness->randomize(seed);
        harness->run();
    }
    double worst = 0;
    for (ir::ValueId id : cpu.outputs())
        worst = std::max(worst, difference(cpu.read(id), gpu.read(id)));
    return worst;
}

} // namespace gradloom::tests
