#include "engine/ir/pointwise.h"

namespace gradloom::ir {

std::span<const PointwiseFunction> pointwiseFunctions()
{
    static constexpr PointwiseFunction functions[] = {
        {"copy", 1, false, "a"},
        {"neg", 1, false, "−a"},
        {"abs", 1, false, "|a|"},
        {"sign", 1, false, "−1, 0 or 1"},
        {"square", 1, false, "a²"},
        {"sqrt", 1, false, "√a"},
        {"rsqrt", 1, false, "1/√a"},
        {"reciprocal", 1, false, "1/a"},
        {"exp", 1, false, "eᵃ"},
        {"log", 1, false, "ln a"},
        {"tanh", 1, false, "tanh a"},
        {"sigmoid", 1, false, "1/(1+e⁻ᵃ)"},
        {"softplus", 1, false, "ln(1+eᵃ)"},
        {"erf", 1, false, "erf a"},
        {"relu", 1, false, "max(a, 0)"},
        {"leaky_relu", 1, true, "a if a > 0, else α·a"},
        {"elu", 1, true, "a if a > 0, else α·(eᵃ−1)"},
        {"step", 1, false, "1 if a > 0, else 0"},
        {"scale", 1, true, "α·a"},
        {"offset", 1, true, "a + α"},
        {"power", 1, true, "a to the power of α"},
        {"maximum_scalar", 1, true, "max(a, α)"},
        {"minimum_scalar", 1, true, "min(a, α)"},
        {"add", 2, false, "a + b"},
        {"sub", 2, false, "a − b"},
        {"mul", 2, false, "a·b"},
        {"div", 2, false, "a/b"},
        {"max", 2, false, "max(a, b)"},
        {"min", 2, false, "min(a, b)"},
        {"greater", 2, false, "1 if a > b, else 0"},
        {"equal", 2, false, "1 if a = b, else 0"},
        {"relu_gradient", 2, false, "a if b > 0, else 0"},
        {"leaky_relu_gradient", 2, true, "a if b > 0, else α·a"},
        {"elu_gradient", 2, true, "a if b > 0, else a·(b+α), b the result"},
        {"tanh_gradient", 2, false, "a·(1−b²), b the result"},
        {"sigmoid_gradient", 2, false, "a·b·(1−b), b the result"},
    };
    return functions;
}

const PointwiseFunction* findPointwiseFunction(std::string_view name)
{
    for (const auto& function : pointwiseFunctions())
        if (function.name == name)
            return &function;
    return nullptr;
}

} // namespace gradloom::ir
