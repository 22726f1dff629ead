#pragma once

#include "engine/ir/builder.h"

#include <algorithm>
#include <array>

/// Small helpers that the operation files share.
namespace gradloom::ir {

using Gradients = std::span<const ValueId>;
using Wanted = std::vector<bool>;

inline Error shapeError(std::string message)
{
    return {ErrorCode::Internal, std::move(message), {}};
}

/// Gradient before the activation that gemm, convolution or normalisation applied at its end, from the gradient and
/// the result behind it.
inline ValueId activationGradient(Builder& b, const Op& op, ValueId gradient)
{
    const std::string activation = op.attributes.textOr("activation", "none");
    return activation == "relu" ? b.binary("relu_gradient", gradient, op.outputs[0]) : gradient;
}

/// Stride, padding (top, left, bottom, right), dilation and groups of a convolution or pooling.
struct Window
{
    std::array<int64_t, 2> stride{1, 1};
    std::array<int64_t, 4> padding{};
    std::array<int64_t, 2> dilation{1, 1};
    int64_t groups = 1;

    explicit Window(const Params& attributes)
    {
        const auto copy = [&](const char* key, auto& target) {
            if (attributes.has(key))
                std::copy_n(attributes.list(key).begin(), target.size(), target.begin());
        };
        copy("stride", stride);
        copy("padding", padding);
        copy("dilation", dilation);
        groups = attributes.integerOr("groups", 1);
    }

    /// Extent of the result along height (0) or width (1) for an input extent and a kernel extent.
    int64_t outputExtent(int axis, int64_t input, int64_t kernel) const
    {
        const auto a = static_cast<size_t>(axis);
        return (input + padding[a] + padding[a + 2] - dilation[a] * (kernel - 1) - 1) / stride[a] + 1;
    }
};

/// Shape of a pooling's result over x (N×H×W×C).
inline Result<Shape> pooledShape(const Shape& x, const Params& attributes)
{
    const Window window(attributes);
    const auto& kernel = attributes.list("kernel");
    if (x.rank() != 4)
        return shapeError("the input must be N×H×W×C");
    const int64_t height = window.outputExtent(0, x[1], kernel[0]);
    const int64_t width = window.outputExtent(1, x[2], kernel[1]);
    if (height < 1 || width < 1)
        return shapeError("the window is larger than the padded input");
    return Shape{x[0], height, width, x[3]};
}

/// The options of `op` without the fused activation.
inline Params withoutActivation(const Op& op)
{
    Params attributes = op.attributes;
    attributes.erase("activation");
    return attributes;
}

} // namespace gradloom::ir
