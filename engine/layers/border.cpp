#include "engine/layers/border.h"

#include "engine/layers/window_options.h"

namespace gradloom::layers {

namespace {

/// Amounts before and after each dimension of a sample with its batch: nothing at batch and channels.
struct Border
{
    std::vector<int64_t> before, after;

    Border(const Params& params, size_t axes)
    {
        const auto& amounts = params.list("amounts");
        before.assign(axes + 2, 0);
        after.assign(axes + 2, 0);
        for (size_t axis = 0; axis < axes; ++axis) {
            before[axis + 1] = amounts[axis];
            after[axis + 1] = amounts[axis + axes];
        }
    }
};

LayerType borderLayer(size_t axes, std::string id, std::string title)
{
    LayerType type;
    type.id = std::move(id);
    type.title = std::move(title);
    type.category = "shape";
    type.parameters = {tupleParam("amounts", "Amounts", std::vector<int64_t>(2 * axes, 1), 0, 65536,
        axes == 1 ? "Steps at the beginning and at the end."
                  : "Rows and columns at the top, left, bottom and right.")};
    type.summary = [](const Params& p) { return formatParam(p.list("amounts")); };
    return type;
}

std::vector<Sample> borderSamples(size_t axes)
{
    const auto input = [axes](Shape s) {
        return std::vector<TensorType>{{axes == 2 ? s : s.withoutFirst(), DType::F32}};
    };
    const auto amounts = [axes](std::vector<int64_t> all) {
        return axes == 2 ? Params{{"amounts", all}}
                         : Params{{"amounts", std::vector<int64_t>{all[1], all[3]}}};
    };
    return {{{}, input({3, 4, 2})}, {amounts({0, 2, 3, 1}), input({5, 4, 3})},
        {amounts({0, 0, 0, 0}), input({1, 1, 1})}};
}

} // namespace

LayerType zeroPadLayer(size_t axes, std::string id, std::string title)
{
    LayerType type = borderLayer(axes, std::move(id), title);
    type.infer = [axes, title](const Params& p, std::span<const TensorType> in) -> Inferred {
        if (in[0].shape.rank() != static_cast<int>(axes) + 1)
            return needsWindowed(title, axes, in[0].shape);
        const Border border(p, axes);
        std::vector<int64_t> extents = in[0].shape.toVector();
        for (size_t axis = 0; axis < axes; ++axis)
            extents[axis] += border.before[axis + 1] + border.after[axis + 1];
        auto shape = Shape::checked(extents);
        return shape ? Inferred(*shape) : Inferred(Fault{title + ": " + shape.error().message, {}});
    };
    type.lower = [axes](LowerContext& c) -> std::vector<ir::ValueId> {
        const Border border(c.params, axes);
        return {c.b.op("pad", {c.in()}, {{"before", border.before}, {"after", border.after}})};
    };
    type.samples = borderSamples(axes);
    return type;
}

LayerType cropLayer(size_t axes, std::string id, std::string title)
{
    LayerType type = borderLayer(axes, std::move(id), title);
    type.infer = [axes, title](const Params& p, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        if (x.rank() != static_cast<int>(axes) + 1)
            return needsWindowed(title, axes, x);
        const Border border(p, axes);
        Shape result = x;
        for (size_t axis = 0; axis < axes; ++axis) {
            const auto at = static_cast<int>(axis);
            result.setExtent(at, x[at] - border.before[axis + 1] - border.after[axis + 1]);
            if (result[at] < 1)
                return Fault{title + " cuts " + formatParam(p.list("amounts")) + " from " + batchShape(x) +
                                 " and leaves nothing of it. Use smaller amounts.",
                    {{Repair::Kind::SetParameter, "Cut nothing", {}, {}, 0, "amounts",
                        std::vector<int64_t>(2 * axes, 0)}}};
        }
        return result;
    };
    type.lower = [axes](LowerContext& c) -> std::vector<ir::ValueId> {
        return {c.b.op("slice", {c.in()},
            {{"start", Border(c.params, axes).before},
                {"size", c.outputTypes[0].shape.prepended(c.batch).toVector()}})};
    };
    type.samples = borderSamples(axes);
    return type;
}

} // namespace gradloom::layers
