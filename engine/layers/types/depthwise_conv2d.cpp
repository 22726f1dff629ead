#include "engine/layers/convolution.h"

namespace gradloom::layers {

namespace {

Inferred inferDepthwise(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    if (x.rank() != 3)
        return needsWindowed("DepthwiseConv2D", 2, x);
    return windowShape(
        "DepthwiseConv2D", windowOf(p, "kernel", x), "kernel", x, x[2] * p.integer("multiplier"));
}

std::vector<ir::ValueId> lowerDepthwise(LowerContext& c)
{
    const Shape x = c.b.shape(c.in());
    const SlidingWindow window = windowOf(c.params, "kernel", x.withoutFirst());
    const int64_t multiplier = c.params.integer("multiplier");
    const int64_t taps = window.kernel[0] * window.kernel[1];
    const auto w =
        c.kernel(Shape{window.kernel[0], window.kernel[1], 1, x[3] * multiplier}, taps, taps * multiplier);
    const auto bias =
        c.params.flag("use_bias") ? c.weight("bias", Shape{x[3] * multiplier}, {"zeros"}) : ir::noValue;
    return {convolve2d(c, c.in(), w, bias, window, x[3])};
}

} // namespace

LayerType depthwise_conv2d()
{
    LayerType type;
    type.id = "depthwise_conv2d";
    type.title = "DepthwiseConv2D";
    type.category = "convolution";
    type.help =
        "A convolution in which every channel has filters of its own and channels do not mix: few weights.";
    type.formula = "y(i,j,c·m+n) = Σ x(i+p, j+q, c) · w(p,q,c·m+n) + b(c·m+n)";
    type.parameters = convolutionWindowParams(2);
    type.parameters.push_back(
        integerParam("multiplier", "Depth multiplier", 1, 1, 1024, "m: number of filters for each channel."));
    for (auto& spec : weightParams())
        type.parameters.push_back(spec);
    type.infer = inferDepthwise;
    type.lower = lowerDepthwise;
    type.summary = convolutionSummary;
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, image({5, 6, 3})},
        {{{"multiplier", int64_t{2}}, {"padding", std::string("same")}, {"activation", std::string("relu")}},
            image({4, 5, 3})},
        {{{"multiplier", int64_t{3}}, {"kernel", pair(2, 2)}}, image({3, 4, 1})},
        {{{"stride", pair(3, 2)}, {"kernel", pair(2, 1)}, {"use_bias", false}, {"l2", 0.1}},
            image({7, 4, 5})},
        {{{"kernel", pair(4, 1)}, {"dilation", pair(1, 1)}}, image({4, 1, 9})},
        {{{"dilation", pair(2, 2)}, {"padding", std::string("same")}, {"stride", pair(2, 1)}},
            image({6, 5, 2})},
        {{{"kernel", pair(1, 1)}}, image({1, 1, 1})}};
    return type;
}

} // namespace gradloom::layers
