#include "engine/layers/axis_options.h"

namespace gradloom::layers {

ParamSpec axisParam(int64_t value, std::string help)
{
    return integerParam("axis", "Axis", value, -5, 4,
        std::move(help) + " Counted from 0 within one sample; −1 is the last one.");
}

int axisOf(const Params& p, int rank)
{
    const auto axis = static_cast<int>(p.integer("axis"));
    return axis < 0 ? axis + rank : axis;
}

Fault noSuchAxis(const std::string& title, const Params& p, const Shape& input, int axes)
{
    return {title + " cannot work along axis " + std::to_string(p.integer("axis")) + " of " +
                batchShape(input) + ": there are only " + std::to_string(axes) + ". Use −1, the last one.",
        {{Repair::Kind::SetParameter, "Use axis −1", {}, {}, 0, "axis", int64_t{-1}}}};
}

ir::ValueId sliceAxis(ir::Builder& b, ir::ValueId x, int axis, int64_t start, int64_t size)
{
    const Shape shape = b.shape(x);
    std::vector<int64_t> from(static_cast<size_t>(shape.rank()), 0);
    std::vector<int64_t> extents = shape.toVector();
    from[static_cast<size_t>(axis) + 1] = start;
    extents[static_cast<size_t>(axis) + 1] = size;
    return b.op("slice", {x}, {{"start", from}, {"size", extents}});
}

} // namespace gradloom::layers
