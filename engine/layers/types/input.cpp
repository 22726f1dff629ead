#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType input()
{
    LayerType type;
    type.id = "input";
    type.title = "Input";
    type.category = "data";
    type.role = Role::Data;
    type.help = "The data set's samples enter here.";
    type.formula = "y = x";
    type.inputs = {};
    type.parameters = {shapeParam("shape", "Shape", {28, 28, 1},
        "Extents of one sample: height × width × channels for pictures, or the number of features.")};
    type.infer = [](const Params& p, std::span<const TensorType>) -> Inferred {
        auto shape = Shape::checked(p.list("shape"));
        if (!shape)
            return Fault{"Input: " + shape.error().message, {}};
        return *shape;
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> { return {c.batchInput("input", c.outputTypes[0])}; };
    type.summary = [](const Params& p) { return Shape(p.list("shape")).toString(); };
    type.samples = {{{}, {}}, {{{"shape", std::vector<int64_t>{5}}}, {}}};
    return type;
}

} // namespace gradloom::layers
