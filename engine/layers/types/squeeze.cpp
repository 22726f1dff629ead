#include "engine/layers/axis_options.h"

#include <algorithm>

namespace gradloom::layers {

namespace {

Inferred inferSqueeze(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    if (x.rank() < 2)
        return Fault{
            "Squeeze needs at least two dimensions, of which it removes one, but gets " + batchShape(x) + ".",
            {}};
    const int axis = axisOf(p, x.rank());
    if (axis < 0 || axis >= x.rank())
        return noSuchAxis("Squeeze", p, x, x.rank());
    std::vector<int64_t> extents = x.toVector();
    if (x[axis] == 1) {
        extents.erase(extents.begin() + axis);
        return Shape(extents);
    }
    Fault fault{"Squeeze removes an axis of extent 1, but axis " + std::to_string(p.integer("axis")) +
                    " of " + batchShape(x) + " has " + std::to_string(x[axis]) +
                    ". Use another axis, or Flatten.",
        {}};
    const auto one = std::find(extents.begin(), extents.end(), 1);
    if (one != extents.end())
        fault.repairs.push_back(
            {Repair::Kind::SetParameter, "Use axis " + std::to_string(one - extents.begin()), {}, {}, 0,
                "axis", static_cast<int64_t>(one - extents.begin())});
    return fault;
}

} // namespace

LayerType squeeze()
{
    LayerType type;
    type.id = "squeeze";
    type.title = "Squeeze";
    type.category = "shape";
    type.help = "Removes an axis of extent 1. Nothing is computed.";
    type.formula = "y(i,j) = x(i,j,0)";
    type.parameters = {axisParam(-1, "The one that is removed.")};
    type.infer = inferSqueeze;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.reshape(c.in(), c.outputTypes[0].shape.prepended(c.batch))};
    };
    type.summary = [](const Params& p) { return "axis " + std::to_string(p.integer("axis")); };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {
        {{}, map({3, 4, 1})}, {{{"axis", int64_t{0}}}, map({1, 5})}, {{{"axis", int64_t{-2}}}, map({1, 1})}};
    return type;
}

} // namespace gradloom::layers
