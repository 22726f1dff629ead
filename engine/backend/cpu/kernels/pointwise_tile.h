#pragma once

#include "pointwise.h"

#include <cstdint>

namespace gradloom::cpu {

/// An operand of one tile: values, or one value repeated over a vector of 16.
struct PointwiseOperand
{
    const float* data;
    int64_t mask; ///< element i is data[i & mask] for whole vectors: all ones, or 0 for a constant
};

/// An instruction with its operands found.
struct PointwiseStep
{
    PointwiseOp op;
    PointwiseOperand a, b, c;
    float immediate;
    float* to;
    /// The first of adamSteps steps that together are a step of Adam; of the other ones only the averages and
    /// the weights are needed.
    bool startsAdam;
};

/// m = a·m + b·g (two steps), v = c·v + d·g·g (two steps), w = w - rate · m / (sqrt(v) · e + f).
inline constexpr int64_t adamSteps = 6;

/// Elements of a tile: registers of a program stay in the first-level cache.
inline constexpr int64_t pointwiseTile = 512;

/// Executes the steps on `elements` values, rounded up to whole vectors (of at most 16).
void runPointwiseTile(const PointwiseStep* steps, int64_t stepCount, int64_t elements);

} // namespace gradloom::cpu
