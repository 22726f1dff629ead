#pragma once

#include <cstdint>

namespace gradloom::cpu {

enum class ReduceOp { Sum, Mean, Max, SumOfSquares };

/// x is [outer, reduce, inner], the result [outer, inner]. Sum over the rows of [R, C]: outer 1, reduce R,
/// inner C. Sum over the last axis: outer R, reduce C, inner 1. Sum of everything: outer 1, inner 1.
struct ReduceShape
{
    std::int64_t outer = 1, reduce = 1, inner = 1;
};

/// Sums are blocked: float accumulators over at most some hundred values, combined pairwise, so that the
/// relative error stays near 1e-6 for any length. The reduced axis is cut into `parts` where outer * inner
/// alone would not keep 16 threads busy; reduceCombine joins them.
struct ReduceSplit
{
    std::int64_t parts = 1; ///< shares of the reduced axis
    std::int64_t units = 0; ///< units of reduce()
};

/// Depends on the shape only.
ReduceSplit reduceSplit(const ReduceShape& shape);
/// Floats of `partials`, shared by all calls; 0 for one part.
std::int64_t reducePartials(const ReduceShape& shape);

struct ReduceArgs
{
    ReduceOp op = ReduceOp::Sum;
    const float* x = nullptr;
    float* y = nullptr;
    bool accumulate = false;   ///< add to y (not for Max)
    float* partials = nullptr; ///< reducePartials floats
};

void reduce(const ReduceShape& shape, const ReduceArgs& args, std::int64_t begin, std::int64_t end);
/// Joins the parts when all units have finished; does nothing for one part. Serial: outer * inner is small
/// where there is more than one part.
void reduceCombine(const ReduceShape& shape, const ReduceArgs& args);

} // namespace gradloom::cpu
