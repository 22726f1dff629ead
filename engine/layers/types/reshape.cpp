#include "engine/layers/layer_options.h"

namespace gradloom::layers {

LayerType reshape()
{
    LayerType type;
    type.id = "reshape";
    type.title = "Reshape";
    type.category = "shape";
    type.help = "The same numbers in the same order under another shape. Nothing is computed.";
    type.formula = "y = x, read as the new shape";
    type.parameters = {shapeParam("shape", "Shape", {28, 28, 1}, "The new extents of one sample; their product must stay the same.")};
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        auto shape = Shape::checked(p.list("shape"));
        if (!shape)
            return Fault{"Reshape: " + shape.error().message, {}};
        const int64_t has = in[0].shape.elements();
        if (shape->elements() == has)
            return *shape;
        Fault fault{"Reshape makes " + shape->toString() + " = " + std::to_string(shape->elements()) + " numbers of " +
                batchShape(in[0].shape) + " with " + std::to_string(has) + ". Choose extents whose product is " +
                std::to_string(has) + ".",
            {}};
        fault.repairs.push_back({Repair::Kind::SetParameter, "Use shape " + std::to_string(has), {}, {}, 0, "shape",
            std::vector<int64_t>{has}});
        return fault;
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.reshape(c.in(), c.outputTypes[0].shape.prepended(c.batch))};
    };
    type.summary = [](const Params& p) { return Shape(p.list("shape")).toString(); };
    type.samples = {{{{"shape", std::vector<int64_t>{4, 3, 2}}}, {{Shape{24}, DType::F32}}},
        {{{"shape", std::vector<int64_t>{6, 2}}}, {{Shape{3, 4}, DType::F32}}}};
    return type;
}

} // namespace gradloom::layers
