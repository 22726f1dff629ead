#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradloom::cpu {

/// Name of the instruction set that the kernels use now, as Highway spells it: "AVX3" is AVX-512,
/// "AVX2", "SSE4", "NEON", "SCALAR".
std::string simdTarget();

/// All instruction sets that are compiled in and that this machine supports, best first.
std::vector<std::string> simdTargets();

/// Makes the kernels use `name`, one of simdTargets(); an empty name returns to the best one. Returns
/// false and changes nothing for an unknown name. For tests and benchmarks: not while kernels run, and
/// operands packed before must be packed again.
bool forceSimdTarget(std::string_view name);

/// Number of floats in one vector of the instruction set in use.
int simdLanes();

/// Makes the calling thread treat denormal numbers as zero (x86: FTZ and DAZ, Arm: FZ). Vanishing
/// activations otherwise cost over 100 cycles an operation. The executor calls it on every worker.
void flushDenormals();

/// Measures the single-precision FMA peak of one core in GFLOP/s with a loop that stays in registers.
double measureFmaPeak();

} // namespace gradloom::cpu
