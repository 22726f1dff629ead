#include "engine/layers/convolution.h"

namespace gradloom::layers {

namespace {

Inferred inferSeparable(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    if (x.rank() != 3)
        return needsWindowed("SeparableConv2D", 2, x);
    return windowShape("SeparableConv2D", windowOf(p, "kernel", x), "kernel", x, p.integer("filters"));
}

std::vector<ir::ValueId> lowerSeparable(LowerContext& c)
{
    const Params& p = c.params;
    const Shape x = c.b.shape(c.in());
    const SlidingWindow window = windowOf(p, "kernel", x.withoutFirst());
    const int64_t multiplier = p.integer("multiplier");
    const int64_t filters = p.integer("filters");
    const int64_t between = x[3] * multiplier;
    const int64_t taps = window.kernel[0] * window.kernel[1];
    const auto depthwise = c.kernel("depthwise", Shape{window.kernel[0], window.kernel[1], 1, between},
        {p.text("initializer"), taps, taps * multiplier});
    const auto pointwise = c.kernel(Shape{1, 1, between, filters}, between, filters);
    const auto bias = p.flag("use_bias") ? c.weight("bias", Shape{filters}, {"zeros"}) : ir::noValue;
    Params attributes = window.attributes(true);
    attributes.set("groups", x[3]);
    const auto y = c.b.op("conv2d", {c.in(), depthwise, ir::noValue}, attributes);
    const SlidingWindow pixel{{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    return {convolve2d(c, y, pointwise, bias, pixel, 1)};
}

} // namespace

LayerType separable_conv2d()
{
    LayerType type;
    type.id = "separable_conv2d";
    type.title = "SeparableConv2D";
    type.category = "convolution";
    type.help = "A convolution in two cheap steps: filters for each channel alone, then a mixture of the "
                "channels at each pixel.";
    type.formula = "y(i,j,k) = Σ v(c) · Σ x(i+p, j+q, c) · w(p,q,c) + b(k), v = v(c,k)";
    type.parameters = filterParams();
    for (auto& spec : convolutionWindowParams(2))
        type.parameters.push_back(spec);
    type.parameters.push_back(integerParam("multiplier", "Depth multiplier", 1, 1, 1024,
        "Number of filters for each channel in the first step."));
    for (auto& spec : weightParams())
        type.parameters.push_back(spec);
    type.infer = inferSeparable;
    type.lower = lowerSeparable;
    type.summary = convolutionSummary;
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{{"filters", int64_t{4}}}, image({5, 6, 3})},
        {{{"filters", int64_t{3}}, {"multiplier", int64_t{2}}, {"padding", std::string("same")},
             {"activation", std::string("relu")}, {"l2", 0.05}},
            image({4, 5, 3})},
        {{{"filters", int64_t{2}}, {"stride", pair(3, 2)}, {"kernel", pair(2, 1)}, {"use_bias", false}},
            image({7, 1, 5})},
        {{{"filters", int64_t{1}}, {"kernel", pair(3, 4)}}, image({3, 4, 1})}};
    return type;
}

} // namespace gradloom::layers
