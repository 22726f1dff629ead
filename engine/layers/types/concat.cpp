#include "engine/layers/axis_options.h"

namespace gradloom::layers {

namespace {

Inferred inferConcat(const Params& p, std::span<const TensorType> in)
{
    const Shape& first = in[0].shape;
    const int axis = axisOf(p, first.rank());
    if (axis < 0 || axis >= first.rank())
        return noSuchAxis("Concat", p, first, first.rank());
    int64_t total = 0;
    for (const TensorType& part : in) {
        Shape like = part.shape;
        if (like.rank() == first.rank()) {
            total += like[axis];
            like.setExtent(axis, first[axis]);
        }
        if (!(like == first))
            return Fault{"Concat needs inputs that differ only along axis " +
                             std::to_string(p.integer("axis")) + " but gets " + batchShape(first) + " and " +
                             batchShape(part.shape) + ".",
                {}};
    }
    Shape result = first;
    result.setExtent(axis, total);
    auto checked = Shape::checked(result.toVector());
    return checked ? Inferred(*checked) : Inferred(Fault{"Concat: " + checked.error().message, {}});
}

} // namespace

LayerType concat()
{
    LayerType type;
    type.id = "concat";
    type.title = "Concat";
    type.category = "merge";
    type.help = "Puts its inputs one behind the other along an axis, the channels by default.";
    type.formula = "y = [x₁, x₂, …]";
    type.inputs = {{"in", "tensors that differ along the axis only", false}};
    type.variadic = true;
    type.parameters = {axisParam(-1, "Along which the inputs follow one another.")};
    type.infer = inferConcat;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape sample = c.b.shape(c.in()).withoutFirst();
        return {c.b.op("concat", c.inputs, {{"axis", int64_t{axisOf(c.params, sample.rank())} + 1}})};
    };
    type.summary = [](const Params& p) { return "axis " + std::to_string(p.integer("axis")); };
    const auto map = [](Shape s) { return TensorType{s, DType::F32}; };
    type.samples = {{{}, {map({3, 2, 4}), map({3, 2, 1})}}, {{}, {map({5}), map({2}), map({3})}},
        {{{"axis", int64_t{0}}}, {map({3, 2, 2}), map({1, 2, 2})}}};
    return type;
}

} // namespace gradloom::layers
