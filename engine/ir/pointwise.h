#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gradloom::ir {

/// A function of one or two numbers that the operations "unary", "binary" and "pointwise" apply to every element.
/// The same table serves the shape rules, the fusion pass, every backend and the documentation.
struct PointwiseFunction
{
    std::string_view name;
    int operands;
    bool hasAlpha;        ///< takes the constant alpha
    std::string_view help; ///< formula in a, b and alpha
};

/// All functions; the set is closed. Differentiable ones have their rule in ops/unary.cpp and ops/binary.cpp.
std::span<const PointwiseFunction> pointwiseFunctions();
const PointwiseFunction* findPointwiseFunction(std::string_view name);

} // namespace gradloom::ir
