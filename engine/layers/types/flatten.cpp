#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType flatten()
{
    LayerType type;
    type.id = "flatten";
    type.title = "Flatten";
    type.category = "shape";
    type.help = "Lays out a feature map as one row of numbers. Nothing is computed.";
    type.formula = "y(i·W·C + j·C + c) = x(i,j,c)";
    type.infer = [](const Params&, std::span<const TensorType> in) -> Inferred { return Shape{in[0].shape.elements()}; };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.reshape(c.in(), c.outputTypes[0].shape.prepended(c.batch))};
    };
    type.summary = [](const Params&) { return std::string(); };
    type.samples = {{{}, {{Shape{3, 2, 4}, DType::F32}}}, {{}, {{Shape{5}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
