#include "engine/layers/layer_options.h"

namespace gradloom::layers {

namespace {

/// Axis within one sample.
int axisOf(const Params& p, const Shape& shape)
{
    const auto axis = static_cast<int>(p.integer("axis"));
    return axis < 0 ? axis + shape.rank() : axis;
}

Inferred inferConcat(const Params& p, std::span<const TensorType> in)
{
    const Shape& first = in[0].shape;
    const int axis = axisOf(p, first);
    if (axis < 0 || axis >= first.rank())
        return Fault{"Concat cannot join " + batchShape(first) + " along axis " + std::to_string(p.integer("axis")) +
                ": there is no such axis. Use −1, the last one.",
            {{Repair::Kind::SetParameter, "Use axis −1", {}, {}, 0, "axis", int64_t{-1}}}};
    int64_t total = 0;
    for (const TensorType& part : in) {
        Shape like = part.shape;
        if (like.rank() == first.rank()) {
            total += like[axis];
            like.setExtent(axis, first[axis]);
        }
        if (!(like == first))
            return Fault{"Concat needs inputs that differ only along axis " + std::to_string(p.integer("axis")) +
                    " but gets " + batchShape(first) + " and " + batchShape(part.shape) + ".",
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
    type.parameters = {integerParam("axis", "Axis", -1, -5, 4, "Axis of one sample, counted from 0; −1 is the last one.")};
    type.infer = inferConcat;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape sample = c.b.shape(c.in()).withoutFirst();
        return {c.b.op("concat", c.inputs, {{"axis", int64_t{axisOf(c.params, sample)} + 1}})};
    };
    type.summary = [](const Params& p) { return "axis " + std::to_string(p.integer("axis")); };
    const auto map = [](Shape s) { return TensorType{s, DType::F32}; };
    type.samples = {{{}, {map({3, 2, 4}), map({3, 2, 1})}}, {{}, {map({5}), map({2}), map({3})}},
        {{{"axis", int64_t{0}}}, {map({3, 2, 2}), map({1, 2, 2})}}};
    return type;
}

} // namespace gradloom::layers
