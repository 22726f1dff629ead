#include "engine/layers/window_options.h"

namespace gradloom::layers {

LayerType upsampling2d()
{
    LayerType type;
    type.id = "upsampling2d";
    type.title = "UpSampling2D";
    type.category = "shape";
    type.help = "Makes pictures larger by a whole factor: repeats pixels, or mixes neighbours.";
    type.formula = "y(i,j) = x at ((i+½)/s − ½, (j+½)/s − ½)";
    type.parameters = {
        pairParam("factor", "Factor", 2, 2, 1, 64, "s: how many times higher and wider the picture becomes."),
        choiceParam("interpolation", "Interpolation", "nearest",
            {{"nearest", "nearest"}, {"bilinear", "bilinear"}},
            "nearest: every pixel becomes a block. bilinear: a mixture of the four nearest pixels, whose centres "
            "are half a pixel from their edges (as in Keras, and in PyTorch with align_corners=False).")};
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        if (x.rank() != 3)
            return needsImage("UpSampling2D", x);
        const auto& factor = p.list("factor");
        auto shape = Shape::checked({x[0] * factor[0], x[1] * factor[1], x[2]});
        return shape ? Inferred(*shape) : Inferred(Fault{"UpSampling2D: " + shape.error().message, {}});
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape& y = c.outputTypes[0].shape;
        return {c.b.op("resize", {c.in()},
            {{"mode", c.params.text("interpolation")}, {"output", std::vector<int64_t>{y[0], y[1]}}})};
    };
    type.summary = [](const Params& p) {
        return joined(
            {"×" + sizesText(p.list("factor")), p.text("interpolation") == "bilinear" ? "bilinear" : ""});
    };
    const auto image = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    const auto pair = [](int64_t a, int64_t b) { return std::vector<int64_t>{a, b}; };
    const auto bilinear = std::string("bilinear");
    type.samples = {{{}, image({3, 4, 2})}, {{{"factor", pair(3, 1)}}, image({1, 5, 3})},
        {{{"interpolation", bilinear}}, image({3, 4, 2})},
        {{{"factor", pair(3, 4)}, {"interpolation", bilinear}}, image({2, 1, 9})},
        {{{"factor", pair(1, 5)}, {"interpolation", bilinear}}, image({1, 1, 1})}};
    return type;
}

} // namespace gradloom::layers
