#include "engine/layers/layer_options.h"

namespace gradloom::layers {

namespace {

Inferred inferPixelShuffle(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    if (x.rank() != 3)
        return needsImage("PixelShuffle", x);
    const int64_t r = p.integer("factor");
    if (x[2] % (r * r) == 0)
        return Shape{x[0] * r, x[1] * r, x[2] / (r * r)};
    const int64_t filters = (x[2] / (r * r) + 1) * r * r;
    return Fault{"PixelShuffle by " + std::to_string(r) + " makes each pixel of " + std::to_string(r * r) +
                     " channels but gets " + batchShape(x) +
                     ". Insert a Conv2D whose filters are a multiple of " + std::to_string(r * r) + ".",
        {{Repair::Kind::InsertBefore, "Insert Conv2D with " + std::to_string(filters) + " filters", "conv2d",
            {{"filters", filters}, {"padding", std::string("same")}}, 0, {}, {}}}};
}

} // namespace

/// Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
/// neural network", 2016. The order of the channels is PyTorch's.
LayerType pixel_shuffle()
{
    LayerType type;
    type.id = "pixel_shuffle";
    type.title = "PixelShuffle";
    type.category = "shape";
    type.help = "Makes pictures larger by turning channels into pixels: what a convolution has learned, "
                "without holes or repeats.";
    type.formula = "y(r·i+p, r·j+q, c) = x(i, j, r²·c + r·p + q)";
    type.parameters = {integerParam(
        "factor", "Factor", 2, 1, 64, "r: how many times higher and wider the picture becomes.")};
    type.infer = inferPixelShuffle;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape x = c.b.shape(c.in());
        const int64_t r = c.params.integer("factor");
        const auto split = c.b.reshape(c.in(), Shape{x[0], x[1], x[2], x[3] / (r * r), r, r});
        const auto turned = c.b.op("transpose", {split}, {{"order", std::vector<int64_t>{0, 1, 4, 2, 5, 3}}});
        return {c.b.reshape(turned, c.outputTypes[0].shape.prepended(x[0]))};
    };
    type.summary = [](const Params& p) { return "×" + std::to_string(p.integer("factor")); };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, image({3, 2, 8})}, {{{"factor", int64_t{3}}}, image({1, 1, 9})},
        {{{"factor", int64_t{1}}}, image({2, 1, 5})}};
    return type;
}

} // namespace gradloom::layers
