#include "engine/layers/axis_options.h"

namespace gradloom::layers {

LayerType expand_dims()
{
    LayerType type;
    type.id = "expand_dims";
    type.title = "ExpandDims";
    type.category = "shape";
    type.help = "Inserts an axis of extent 1, for example a channel. Nothing is computed.";
    type.formula = "y(i,j,0) = x(i,j)";
    type.parameters = {axisParam(-1, "Where the new one stands in the result.")};
    type.infer = [](const Params& p, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        const int axis = axisOf(p, x.rank() + 1);
        if (axis < 0 || axis > x.rank())
            return noSuchAxis("ExpandDims", p, x, x.rank() + 1);
        if (x.rank() + 2 > Shape::maxRank)
            return Fault{"ExpandDims cannot add a dimension to " + batchShape(x) +
                             ", which has as many as there can be.",
                {}};
        std::vector<int64_t> extents = x.toVector();
        extents.insert(extents.begin() + axis, 1);
        return Shape(extents);
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.reshape(c.in(), c.outputTypes[0].shape.prepended(c.batch))};
    };
    type.summary = [](const Params& p) { return "axis " + std::to_string(p.integer("axis")); };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {
        {{}, map({3, 4})}, {{{"axis", int64_t{0}}}, map({5})}, {{{"axis", int64_t{-2}}}, map({2, 1, 3})}};
    return type;
}

} // namespace gradloom::layers
