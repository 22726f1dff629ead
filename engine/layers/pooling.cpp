#include "engine/layers/pooling.h"

namespace gradloom::layers {

namespace {

ir::ValueId pool2d(ir::Builder& b, bool maximum, ir::ValueId x, const SlidingWindow& flat)
{
    Params attributes = flat.attributes(false);
    attributes.set("kernel", flat.kernel);
    return b.op(maximum ? "max_pool2d" : "avg_pool2d", {x}, attributes);
}

/// Windows are boxes, so a pooling over three dimensions is one over height and width and then one over the
/// depth. That holds for the mean without padding too: how many elements a window sees is the product of
/// both.
ir::ValueId pool3d(ir::Builder& b, bool maximum, ir::ValueId x, const SlidingWindow& window)
{
    const Shape in = b.shape(x); // N×D×H×W×C
    const ir::ValueId planes = b.reshape(x, Shape{in[0] * in[1], in[2], in[3], in[4]});
    const ir::ValueId pooled = pool2d(b, maximum, planes, window.flat());
    const Shape plane = b.shape(pooled);
    SlidingWindow depth{
        {window.kernel[0], 1}, {window.stride[0], 1}, {1, 1}, {window.before[0], 0}, {window.after[0], 0}};
    const ir::ValueId columns = b.reshape(pooled, Shape{in[0], in[1], 1, plane.elements() / plane[0]});
    const ir::ValueId y = pool2d(b, maximum, columns, depth);
    return b.reshape(y, Shape{in[0], b.shape(y)[1], plane[1], plane[2], plane[3]});
}

std::vector<ir::ValueId> lowerPooling(LowerContext& c, bool maximum)
{
    const Shape x = c.b.shape(c.in());
    const SlidingWindow window = windowOf(c.params, "pool", x.withoutFirst());
    if (window.axes() == 3)
        return {pool3d(c.b, maximum, c.in(), window)};
    const ir::ValueId image = window.axes() == 2 ? c.in() : c.b.reshape(c.in(), Shape{x[0], 1, x[1], x[2]});
    return {c.b.reshape(pool2d(c.b, maximum, image, window.flat()), c.outputTypes[0].shape.prepended(x[0]))};
}

Inferred inferPooling(const std::string& title, size_t axes, const Params& p, const Shape& x)
{
    if (x.rank() != static_cast<int>(axes) + 1)
        return needsWindowed(title, axes, x);
    const SlidingWindow window = windowOf(p, "pool", x);
    for (size_t axis = 0; axis < axes; ++axis)
        if (window.before[axis] >= window.kernel[axis] || window.after[axis] >= window.kernel[axis])
            return Fault{title + " pads by as much as its window of " + sizesText(window.kernel) +
                             ", so that windows would see nothing but padding. Make the padding amounts "
                             "smaller than the window.",
                {{Repair::Kind::SetParameter, "Use padding same", {}, {}, 0, "padding",
                    std::string("same")}}};
    return windowShape(title, window, "pool", x, x[-1]);
}

std::vector<Sample> poolingSamples(size_t axes)
{
    // Extents and options of three dimensions; fewer take the last ones.
    const auto sizes = [axes](std::vector<int64_t> all) {
        all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(axes));
        return axes == 1 ? ParamValue(all[0]) : ParamValue(all);
    };
    const auto input = [axes](std::vector<int64_t> all) {
        all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(axes) - 1);
        return std::vector<TensorType>{{Shape(all), DType::F32}};
    };
    std::vector<int64_t> amounts(2 * axes, 1);
    amounts.front() = 0;
    return {{{}, input({4, 6, 4, 3})}, {{}, input({5, 5, 7, 1})},
        {{{"pool", sizes({3, 3, 3})}, {"stride", sizes({1, 2, 2})}, {"padding", std::string("same")}},
            input({3, 6, 5, 2})},
        {{{"pool", sizes({2, 3, 2})}, {"stride", sizes({1, 1, 1})}}, input({3, 5, 5, 4})},
        {{{"pool", sizes({1, 2, 2})}, {"stride", sizes({2, 3, 3})}}, input({3, 8, 8, 2})},
        {{{"pool", sizes({2, 4, 5})}, {"stride", sizes({1, 1, 1})}}, input({2, 4, 5, 5})},
        {{{"pool", sizes({3, 3, 2})}, {"stride", sizes({2, 2, 2})}, {"padding", std::string("explicit")},
             {"pad", amounts}},
            input({3, 5, 4, 3})},
        {{{"pool", sizes({1, 1, 1})}, {"stride", sizes({1, 1, 1})}}, input({1, 1, 1, 1})}};
}

} // namespace

LayerType poolingLayer(size_t axes, bool maximum, std::string id, std::string title)
{
    LayerType type;
    type.id = std::move(id);
    type.title = title;
    type.category = "pooling";
    type.parameters = {sizeParam(axes, integerParam("pool", "Window", 2, 1, 1024, "Extents of the window.")),
        sizeParam(
            axes, integerParam("stride", "Stride", 2, 1, 1024, "How far the window moves at each step."))};
    for (auto& spec : paddingParams(axes))
        type.parameters.push_back(spec);
    type.infer = [axes, title](const Params& p, std::span<const TensorType> in) {
        return inferPooling(title, axes, p, in[0].shape);
    };
    type.lower = [maximum](LowerContext& c) { return lowerPooling(c, maximum); };
    type.summary = [](const Params& p) { return sizesText(sizesOf(p, "pool")); };
    type.samples = poolingSamples(axes);
    return type;
}

LayerType globalMaxPoolLayer(size_t axes, std::string id, std::string title)
{
    LayerType type;
    type.id = std::move(id);
    type.title = title;
    type.category = "pooling";
    type.infer = [axes, title](const Params&, std::span<const TensorType> in) -> Inferred {
        const Shape& x = in[0].shape;
        return x.rank() == static_cast<int>(axes) + 1 ? Inferred(Shape{x[-1]})
                                                      : Inferred(needsWindowed(title, axes, x));
    };
    type.lower = [](LowerContext& c) -> std::vector<ir::ValueId> {
        // One window over everything: unlike a reduction it gives the gradient to one element of several
        // equal ones.
        const Shape x = c.b.shape(c.in());
        const Shape image{x[0], x.rank() == 4 ? x[1] : 1, x[-2], x[-1]};
        const SlidingWindow whole{{image[1], image[2]}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
        return {c.b.reshape(pool2d(c.b, true, c.b.reshape(c.in(), image), whole), Shape{x[0], x[-1]})};
    };
    type.summary = [](const Params&) { return std::string(); };
    const auto input = [axes](Shape s) {
        return std::vector<TensorType>{{axes == 2 ? s : s.withoutFirst(), DType::F32}};
    };
    type.samples = {{{}, input({4, 5, 3})}, {{}, input({1, 1, 2})}, {{}, input({17, 19, 1})}};
    return type;
}

} // namespace gradloom::layers
