#pragma once

#include "engine/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gradloom::tests {

/// The largest magnitude in a tensor of floats, 0 for an empty one.
inline double largestMagnitude(const Tensor& tensor)
{
    double largest = 0;
    for (const float x : tensor.floats())
        largest = std::max(largest, std::abs(static_cast<double>(x)));
    return largest;
}

/// Equal shapes, and every element within `tolerance` times the largest magnitude of `expected`, or times `scale` where
/// that is larger: what is zero in exact arithmetic is a sum of numbers that cancel. NaN is never near.
inline void expectGolden(const Tensor& actual, const Tensor& expected, const std::string& what,
    double tolerance = 1e-5, double scale = 1e-4)
{
    ASSERT_EQ(actual.type(), expected.type()) << what;
    if (actual.dtype() == DType::I32) {
        for (size_t i = 0; i < actual.as<int32_t>().size(); ++i)
            EXPECT_EQ(actual.as<int32_t>()[i], expected.as<int32_t>()[i]) << what << " [" << i << "]";
        return;
    }
    scale = std::max(scale, largestMagnitude(expected));
    size_t at = 0;
    double worst = -1;
    for (size_t i = 0; i < actual.floats().size(); ++i) {
        const double difference = std::abs(static_cast<double>(actual.floats()[i]) - expected.floats()[i]);
        if (!(difference <= worst)) {
            worst = std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
            at = i;
        }
    }
    EXPECT_LE(worst, tolerance * scale)
        << what << " [" << at << "] is " << actual.floats()[at] << ", PyTorch has " << expected.floats()[at];
}

} // namespace gradloom::tests
