#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType global_avg_pool2d()
{
    LayerType type;
    type.id = "global_avg_pool2d";
    type.title = "GlobalAvgPool2D";
    type.category = "pooling";
    type.help = "Averages each channel over the whole picture: one number a channel, whatever the picture's size.";
    type.formula = "y(c) = mean over i, j of x(i,j,c)";
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        return x.rank() == 3 ? Inferred(Shape{x[2]}) : Inferred(needsImage("GlobalAvgPool2D", x));
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> { return {c.b.reduce("mean", c.in(), {1, 2})}; };
    type.summary = [](const Params&) { return std::string(); };
    type.samples = {{{}, {{Shape{4, 5, 3}, DType::F32}}}, {{}, {{Shape{1, 1, 2}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
