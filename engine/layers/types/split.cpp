#include "engine/layers/axis_options.h"

namespace gradloom::layers {

namespace {

int64_t firstPart(const Params& p, int64_t extent)
{
    const int64_t size = p.integer("size");
    return size == 0 ? extent / 2 : size;
}

Inferred inferSplit(const Params& p, std::span<const TensorType> in)
{
    const Shape& x = in[0].shape;
    const int axis = axisOf(p, x.rank());
    if (axis < 0 || axis >= x.rank())
        return noSuchAxis("Split", p, x, x.rank());
    const int64_t first = firstPart(p, x[axis]);
    if (first < 1 || first >= x[axis]) {
        Fault fault{"Split cuts " + std::to_string(x[axis]) + " along axis " +
                        std::to_string(p.integer("axis")) + " of " + batchShape(x) + " after " +
                        std::to_string(first) + ", so that one part is empty. Use a size of 1 to " +
                        std::to_string(x[axis] - 1) + ".",
            {}};
        if (x[axis] > 1)
            fault.repairs.push_back(
                {Repair::Kind::SetParameter, "Use halves", {}, {}, 0, "size", int64_t{0}});
        else
            fault.message = "Split cannot cut axis " + std::to_string(p.integer("axis")) + " of " +
                            batchShape(x) + ", which has one element. Use another axis.";
        return fault;
    }
    Shape parts[2] = {x, x};
    parts[0].setExtent(axis, first);
    parts[1].setExtent(axis, x[axis] - first);
    return std::vector<TensorType>{{parts[0], DType::F32}, {parts[1], DType::F32}};
}

} // namespace

LayerType split()
{
    LayerType type;
    type.id = "split";
    type.title = "Split";
    type.category = "shape";
    type.help = "Cuts the input in two along an axis; each part has an output of its own.";
    type.formula = "[first, second] = x";
    type.outputs = {{"first", "the elements before the cut"}, {"second", "the elements behind it"}};
    type.parameters = {axisParam(-1, "Along which the input is cut."),
        integerParam(
            "size", "Size", 0, 0, 1 << 24, "Number of elements in the first part; 0 means half of them.")};
    type.infer = inferSplit;
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        const Shape x = c.b.shape(c.in()).withoutFirst();
        const int axis = axisOf(c.params, x.rank());
        const int64_t first = firstPart(c.params, x[axis]);
        return {sliceAxis(c.b, c.in(), axis, 0, first), sliceAxis(c.b, c.in(), axis, first, x[axis] - first)};
    };
    type.summary = [](const Params& p) {
        return p.integer("size") == 0 ? std::string("halves")
                                      : std::to_string(p.integer("size")) + " and the rest";
    };
    const auto map = [](Shape s) { return std::vector<TensorType>{{s, DType::F32}}; };
    type.samples = {{{}, map({6})}, {{}, map({2, 3, 5})},
        {{{"axis", int64_t{0}}, {"size", int64_t{1}}}, map({2, 4, 1})},
        {{{"axis", int64_t{1}}, {"size", int64_t{3}}}, map({1, 5})}};
    return type;
}

} // namespace gradloom::layers
