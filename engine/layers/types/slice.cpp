#include "engine/layers/axis_options.h"

namespace gradloom::layers {

namespace {

/// Where the slice begins; a negative start counts from the end.
int64_t sliceStart(const Params& p, int64_t extent)
{
    const int64_t start = p.integer("start");
    return start < 0 ? start + extent : start;
}

Inferred inferSlice(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    const int axis = axisOf(p, x.rank());
    if (axis < 0 || axis >= x.rank())
        return noSuchAxis("Slice", p, x, x.rank());
    const int64_t start = sliceStart(p, x[axis]);
    const int64_t length = p.integer("length");
    if (start >= 0 && start + length <= x[axis]) {
        Shape result = x;
        result.setExtent(axis, length);
        return result;
    }
    Fault fault{"Slice takes " + std::to_string(length) + " from " + std::to_string(p.integer("start")) +
                    " on along axis " + std::to_string(p.integer("axis")) + " of " + batchShape(x) +
                    ", where there are only " + std::to_string(x[axis]) + ". Use a smaller start or length.",
        {}};
    if (start >= 0 && start < x[axis]) {
        const int64_t room = x[axis] - start;
        fault.repairs.push_back(
            {Repair::Kind::SetParameter, "Use length " + std::to_string(room), {}, {}, 0, "length", room});
    } else if (length <= x[axis]) {
        fault.repairs.push_back({Repair::Kind::SetParameter, "Use start 0", {}, {}, 0, "start", int64_t{0}});
    }
    return fault;
}

} // namespace

LayerType slice()
{
    LayerType type;
    type.id = "slice";
    type.title = "Slice";
    type.category = "shape";
    type.help = "Takes a part of the input along one axis, for example the last step of a sequence.";
    type.formula = "y(i) = x(start + i), i < length";
    type.parameters = {axisParam(-1, "Along which the part is taken."),
        integerParam(
            "start", "Start", 0, -(1 << 24), 1 << 24, "First element, counted from 0; −1 is the last one."),
        integerParam("length", "Length", 1, 1, 1 << 24, "Number of elements.")};
    type.infer = inferSlice;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape x = c.b.shape(c.in()).withoutFirst();
        const int axis = axisOf(c.params, x.rank());
        return {sliceAxis(c.b, c.in(), axis, sliceStart(c.params, x[axis]), c.params.integer("length"))};
    };
    type.summary = [](const Params& p) {
        return std::to_string(p.integer("length")) + " from " + std::to_string(p.integer("start"));
    };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, map({5})}, {{{"start", int64_t{1}}, {"length", int64_t{3}}}, map({2, 3, 4})},
        {{{"axis", int64_t{0}}, {"start", int64_t{-1}}}, map({6, 3})},
        {{{"axis", int64_t{-2}}, {"start", int64_t{-3}}, {"length", int64_t{3}}}, map({3, 2})}};
    return type;
}

} // namespace gradloom::layers
